"""Why a run waits, lives or ended, asked of a coordinator with real rows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callboard.domain.errors import InvalidRequest, NotFound
from callboard.wire.requests import AdditionalDemands, Limits
from callboard.wire.responses import WaitingRun
from callboard.wire.times import rfc3339
from tests.services.reading_world import (
    OWNER,
    READER,
    UNKNOWN_RUN,
    Reading,
    agent_of,
    member,
    open_reading,
)
from tests.services.world import START_MS

GPU = AdditionalDemands(tags=["gpu"])


@pytest.fixture
async def reading(tmp_path: Path, kind: str) -> AsyncIterator[Reading]:
    """A world with its readers."""
    async with open_reading(tmp_path, kind) as opened:
        yield opened


async def test_nobody_matches_why_names_the_tag_and_the_deadline_and_then_how_it_ended(reading: Reading) -> None:
    """A10, A83."""
    runner = await reading.world.runner("one", tags=["arm"])
    created = await reading.world.start(additional_demands=GPU)
    now = reading.world.clock.ms
    why = await reading.why.explain(OWNER, created.run_id)
    assert (why.status, why.code, why.reason) == ("pending", "no_matching_runner", None)
    assert why.sentence == "No registered runner has the tag gpu. Unless that changes within 5 min, the run fails."
    assert why.next_step == "Start a runner that has it: callboard runner --tag gpu"
    assert why.no_match_deadline_at == rfc3339(now + 300_000)
    assert why.demands == {"executor_type": "scripted", "tags": ["gpu"]}
    (told,) = why.runners
    assert (told.runner_id, told.fits, told.state) == (runner.runner_id, False, "online")
    assert [(reason.code, reason.sentence) for reason in told.reasons] == [
        ("tag_missing", "The run demands the tag gpu; this runner has arm.")
    ]
    await reading.world.pass_time(305, (runner, []))
    ended = await reading.why.explain(OWNER, created.run_id)
    assert (ended.code, ended.reason) == ("ended", "no_matching_runner")
    assert ended.sentence == "No registered runner meets the run's demands."
    assert f"callboard retry {created.run_id}" in (ended.next_step or "")


async def test_the_no_match_clock_stands_still_while_a_lost_runner_fits(reading: Reading) -> None:
    """10: only while no registered runner, online or not, fits; A83."""
    await reading.world.runner("one", tags=["gpu"])
    await reading.world.pass_time(60)
    created = await reading.world.start(additional_demands=GPU)
    why = await reading.why.explain(OWNER, created.run_id)
    assert (why.code, why.no_match_deadline_at) == ("runner_lost", None)
    assert "has not been heard of for 60 s" in why.sentence
    assert why.runners[0].fits


async def test_place_in_the_queue_counts_those_with_the_same_demands_only(reading: Reading) -> None:
    """A83."""
    runner = await reading.world.runner(slots=1)
    await reading.world.start()
    await reading.begin(runner)
    waiting = []
    for _ in range(3):
        reading.world.clock.advance(1)
        await reading.world.start(additional_demands=GPU)
        waiting.append(await reading.world.start(limits=Limits(queue_timeout_seconds=60)))
    places = [(await reading.why.explain(OWNER, created.run_id)).place_in_queue for created in waiting]
    assert places == [1, 2, 3]
    last = await reading.why.explain(OWNER, waiting[-1].run_id)
    assert last.code == "no_free_slot"
    assert last.queue_deadline_at == rfc3339(reading.world.clock.ms + 60_000)
    urgent = await reading.world.start(priority=1)
    assert (await reading.why.explain(OWNER, urgent.run_id)).place_in_queue == 1


async def test_a_free_runner_takes_the_first_and_the_others_know_that_they_are_behind(reading: Reading) -> None:
    """A83."""
    await reading.world.runner()
    first, second = await reading.world.start(), await reading.world.start()
    assert (await reading.why.explain(OWNER, first.run_id)).code == "next"
    behind = await reading.why.explain(OWNER, second.run_id)
    assert (behind.code, behind.sentence) == ("in_queue", "1 run with the same demands is before it in the queue.")


async def test_a_resume_names_the_run_before_it(reading: Reading) -> None:
    """A83."""
    runner = await reading.world.runner()
    created = await reading.world.start()
    second, third = [await reading.world.resume(created.session_id) for _ in range(2)]
    assert (await reading.why.explain(OWNER, third.run_id)).waits_for_run_id == second.run_id
    assert (await reading.why.explain(OWNER, second.run_id)).waits_for_run_id == created.run_id
    await reading.begin(runner)
    for waiting in (second, third):
        why = await reading.why.explain(OWNER, waiting.run_id)
        assert (why.code, why.waits_for_run_id, why.place_in_queue) == ("behind_run", created.run_id, None)
        assert "which is running" in why.sentence


async def test_an_interrupted_run_says_until_when_it_waits(reading: Reading) -> None:
    """A83, promise 5."""
    runner = await reading.world.runner()
    created = await reading.world.start()
    (claim,) = await runner.claim()
    assert (await reading.why.explain(OWNER, created.run_id)).code == "claimed"
    await runner.started(claim)
    assert (await reading.why.explain(OWNER, created.run_id)).code == "running"
    await reading.world.pass_time(40)
    why = await reading.why.explain(OWNER, created.run_id)
    assert (why.status, why.code, why.runners) == ("interrupted", "interrupted", [])
    run = await reading.world.run(created.run_id)
    assert run.interrupted_at is not None
    assert run.interrupted_at > rfc3339(START_MS)
    assert why.lost_deadline_at is not None
    assert why.lost_deadline_at > run.interrupted_at
    await reading.world.stops.stop_run(OWNER, created.run_id)
    assert "gets the stop first" in (await reading.why.explain(OWNER, created.run_id)).sentence
    await reading.world.pass_time(1_000)
    assert (await reading.why.explain(OWNER, created.run_id)).code == "ended"


async def test_a_failure_is_told_with_its_error(reading: Reading) -> None:
    """A83."""
    runner = await reading.world.runner()
    failed = await reading.ended(runner, "failed", error_message="no such file: shop.py")
    why = await reading.why.explain(OWNER, failed.run_id)
    assert why.sentence == "The agent failed. no such file: shop.py"


async def test_who_stopped_a_run_is_told(reading: Reading) -> None:
    """A83."""
    created = await reading.world.start()
    await reading.world.stops.stop_run(OWNER, created.run_id)
    why = await reading.why.explain(OWNER, created.run_id)
    assert (why.reason, why.sentence) == ("stopped", "A person stopped it.")


async def test_an_agent_is_told_why_its_child_waits_and_nothing_of_the_runners(reading: Reading) -> None:
    """S7: nothing of runners."""
    await reading.world.runner("secret-host")
    parent = await reading.world.start()
    child = await reading.world.start("say x", agent_of(parent), additional_demands=GPU)
    why = await reading.why.explain(agent_of(parent), child.run_id)
    assert "has the tag gpu" in why.sentence
    assert why.runners == []
    assert (await reading.why.explain(READER, child.run_id)).runners
    with pytest.raises(NotFound):
        await reading.why.explain(agent_of(child), parent.run_id)


async def test_a_run_that_is_not_there_or_not_theirs_is_not_found(reading: Reading) -> None:
    """S6."""
    created = await reading.world.start()
    reading.project("shop")
    for caller, run_id in ((OWNER, UNKNOWN_RUN), (member("shop"), created.run_id)):
        with pytest.raises(NotFound) as refusal:
            await reading.why.explain(caller, run_id)
        assert refusal.value.code == "run_not_found"
    with pytest.raises(InvalidRequest):
        await reading.why.explain(OWNER, "42")


async def test_the_queue_says_of_every_waiting_run_why_it_waits(reading: Reading) -> None:
    """A83: oldest first, page by page, as each run's own answer does; narrowed to the caller's project."""
    runner = await reading.world.runner("one", tags=["arm"], slots=1)
    first = await reading.world.start("first", title="first")
    await reading.begin(runner)
    waiting = [await reading.world.start(title="full"), await reading.world.start(additional_demands=GPU)]
    waiting.append(await reading.world.resume(first.session_id))
    found: list[WaitingRun] = []
    page: str | None = None
    while not found or page:
        answer = await reading.why.queue(OWNER, page, 2)
        found, page = [*found, *answer.items], answer.next_page
    assert [one.run.run_id for one in found] == [created.run_id for created in waiting]
    assert [one.why.code for one in found] == ["no_free_slot", "no_matching_runner", "behind_run"]
    assert [one.title for one in found] == ["full", "say hello", "first"]
    for one in found:
        own = await reading.why.explain(OWNER, one.run.run_id)
        assert (one.why.sentence, one.why.place_in_queue) == (own.sentence, own.place_in_queue)
        assert one.why.runners == []
    reading.project("shop")
    assert (await reading.why.queue(member("shop"), None, 50)).items == []
