"""Every other way in which a run ends: lost, stopped, timed out, never matched; and the runners behind it."""

import asyncio

import msgspec
import pytest

from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden
from callboard.domain.run import MAX_UNLAUNCHED
from callboard.domain.usage import UsageRow
from callboard.wire.requests import AdditionalDemands, Limits
from callboard.wire.runner import NotLaunched, UsageReport
from tests.services.world import OWNER, World, first_claim


async def test_a_lost_runner_interrupts_and_its_return_reconnects(world: World) -> None:
    """R1, R4, promise 5."""
    runner, claim = await first_claim(world)
    await world.pass_time(40)
    assert await world.status(claim.session_id) == "interrupted"
    answer = await runner.beat(claim)
    assert answer.stale == []
    assert await world.status(claim.session_id) == "running"
    await runner.end(claim)
    kinds = await world.types(claim.session_id)
    assert kinds[-3:] == ["run_interrupted", "run_reconnected", "run_completed"]


async def test_a_runner_that_stays_away_fails_the_run_in_the_end(world: World) -> None:
    """10: on_lost=wait, lost_seconds."""
    runner, claim = await first_claim(world)
    await world.pass_time(40 + 960 + 10)
    run = await world.run(claim.run_id)
    assert (run.status, run.reason) == ("failed", "interrupted")
    with pytest.raises(Conflict) as refused:
        await runner.end(claim)
    assert refused.value.code == "stale_attempt"
    assert [held.run_id for held in (await runner.beat(claim)).stale] == [claim.run_id]


async def test_on_lost_fail_fails_at_once(world: World) -> None:
    """10."""
    _, claim = await first_claim(world, on_lost="fail")
    await world.pass_time(40)
    assert (await world.run(claim.run_id)).reason == "interrupted"


async def test_a_repeatable_lost_run_is_tried_three_times_and_the_old_attempt_is_stale(world: World) -> None:
    """R2, R19."""
    runner, claim = await first_claim(world, on_lost="retry", repeatable=True)
    old = claim
    for attempt in (2, 3):
        await world.pass_time(40)
        await runner.beat()
        (claim,) = await runner.claim()
        assert claim.attempt == attempt
        await runner.started(claim)
        with pytest.raises(Conflict):
            await runner.say(old, "late")
        with pytest.raises(Conflict):
            await runner.end(old)
        old = claim
    await world.pass_time(40)
    run = await world.run(claim.run_id)
    assert (run.status, run.reason, run.tries) == ("failed", "max_attempts", 3)


async def test_a_lost_attempt_that_speaks_before_the_next_claim_keeps_its_run(world: World) -> None:
    """Decision 3."""
    runner, claim = await first_claim(world, on_lost="retry", repeatable=True)
    await world.pass_time(40)
    assert (await world.run(claim.run_id)).status == "pending"
    await runner.say(claim, "still here")
    assert (await world.run(claim.run_id)).status == "running"
    assert await runner.claim() == []
    await runner.end(claim)


async def test_a_retried_attempt_continues_its_conversation(world: World) -> None:
    """10: a retry with a bound conversation resumes it with a fixed continuation prompt."""
    runner, claim = await first_claim(world, "original", on_lost="retry", repeatable=True)
    await runner.bind(claim, "native")
    await runner.post(claim, ("message", {"role": "user", "content": []}))
    await world.pass_time(40)
    await runner.beat()
    (again,) = await runner.claim()
    assert again.executor_session_id == "native"
    assert again.prompt != "original"


async def test_nothing_is_interrupted_after_the_coordinator_was_away_or_the_clock_jumped(world: World) -> None:
    """A42, R3: a lease lapses only while its holder could renew it."""
    runner, claim = await first_claim(world)
    world.clock.advance(3600)
    await world.leases.sweep_once()
    assert await world.status(claim.session_id) == "running"
    await world.pass_time(30)
    assert await world.status(claim.session_id) == "running"
    await runner.beat(claim)
    world.clock.ahead_ms += 3_600_000
    await world.pass_time(35)
    assert await world.status(claim.session_id) == "running"
    await world.pass_time(20)
    assert await world.status(claim.session_id) == "interrupted"


async def test_a_stop_of_a_waiting_or_claimed_run_means_that_it_never_starts(world: World) -> None:
    """R15."""
    runner = await world.runner()
    waiting, claimed = await world.start("waits"), await world.start("claimed")
    assert (await world.stops.stop_run(OWNER, waiting.run_id)).cancelled == [waiting.run_id]
    (claim,) = await runner.claim()
    assert claim.run_id == claimed.run_id
    await world.stops.stop_session(OWNER, claimed.session_id, subtree=False)
    answer = await runner.started(claim)
    assert (answer.ok, answer.stop) == (False, True)
    run = await world.run(claimed.run_id)
    assert (run.status, run.stopped_by) == ("stopped", "person")


async def test_a_live_run_is_stopping_until_its_runner_says_stopped_and_a_natural_end_may_win(world: World) -> None:
    """A31, R15."""
    runner, claim = await first_claim(world)
    await runner.end(claim)
    await world.resume(claim.session_id)
    (second,) = await runner.claim()
    await runner.started(second)
    assert (await world.stops.stop_session(OWNER, claim.session_id, subtree=False)).stopping == [second.run_id]
    assert (await world.stops.stop_run(OWNER, second.run_id)).status == "running"
    assert await world.status(claim.session_id) == "stopping"
    answer = await world.dispatch.poll(runner.caller, runner.runner_id, runner.epoch, 0, 0, asyncio.Event())
    assert answer is not None
    assert [stop.run_id for stop in answer.stops] == [second.run_id]
    assert [stop.run_id for stop in (await runner.beat(second)).stops] == [second.run_id]
    await runner.end(second, "stopped", certainty="descendants", signal="SIGTERM")
    run = await world.run(second.run_id)
    assert (run.status, run.reason, run.stopped_by, run.certainty) == ("stopped", "stopped", "person", "descendants")
    await world.resume(claim.session_id)
    (third,) = await runner.claim()
    await runner.started(third)
    await world.stops.stop_run(OWNER, third.run_id)
    await runner.end(third, "completed")
    assert (await world.run(third.run_id)).status == "completed"


async def test_a_stopped_run_on_an_unreachable_host_stays_interrupted_and_never_runs_again(world: World) -> None:
    """R19, 30 Stop."""
    _, claim = await first_claim(world, on_lost="retry", repeatable=True)
    await world.stops.stop_run(OWNER, claim.run_id)
    await world.pass_time(40)
    assert (await world.run(claim.run_id)).status == "interrupted"
    await world.pass_time(970)
    assert (await world.run(claim.run_id)).status == "failed"


async def test_stopping_a_tree_stops_leaf_first_and_refuses_new_children(world: World) -> None:
    """R15: stop-subtree."""
    runner, claim = await first_claim(world)
    parent = Caller(
        token_id="tok_s", kind="session", session_id=claim.session_id, run_id=claim.run_id, attempt=claim.attempt
    )
    child = await world.start("child", caller=parent)
    outcome = await world.stops.stop_session(OWNER, claim.session_id, subtree=True)
    assert outcome.cancelled == [child.run_id]
    assert outcome.stopping == [claim.run_id]
    assert (await world.run(child.run_id)).stopped_by == "tree"
    with pytest.raises(Conflict) as refused:
        await world.start("another", caller=parent)
    assert refused.value.code == "tree_stopping"
    await runner.end(claim, "stopped")
    assert await world.stops.sweep_once() == 1
    await world.start("later", parent_session_id=claim.session_id)


async def test_a_timeout_stops_the_run_and_fails_it(world: World) -> None:
    """10: reason timeout."""
    runner, claim = await first_claim(world, limits=Limits(timeout_seconds=20))
    await world.pass_time(25, (runner, [claim]))
    (stop,) = (await runner.beat(claim)).stops
    assert stop.reason == "timeout"
    await runner.end(claim, "stopped")
    run = await world.run(claim.run_id)
    assert (run.status, run.reason) == ("failed", "timeout")


async def test_queue_timeout_and_no_match_end_waiting_runs(world: World) -> None:
    """A10."""
    await world.runner()
    late = await world.start(limits=Limits(queue_timeout_seconds=10))
    nobody = await world.start(additional_demands=AdditionalDemands(tags=["moon"]))
    await world.pass_time(15)
    assert (await world.run(late.run_id)).reason == "queue_timeout"
    await world.pass_time(280)
    assert (await world.run(nobody.run_id)).status == "pending"
    await world.pass_time(10)
    run = await world.run(nobody.run_id)
    assert (run.status, run.reason) == ("failed", "no_matching_runner")
    assert await world.status(nobody.session_id) == "failed"
    assert (await world.types(nobody.session_id))[-1] == "run_completed"


async def test_the_clock_of_no_match_stands_still_while_a_registered_runner_fits(world: World) -> None:
    """10: its clock runs only while no registered runner, online or not, fits."""
    runner = await world.runner("moon", tags=["moon"])
    run = await world.start(additional_demands=AdditionalDemands(tags=["moon"]))
    await world.pass_time(1000)
    assert (await world.run(run.run_id)).status == "pending"
    await world.runners.remove(OWNER, runner.runner_id)
    await world.pass_time(290)
    assert (await world.run(run.run_id)).status == "pending"
    await world.pass_time(20)
    assert (await world.run(run.run_id)).reason == "no_matching_runner"


async def test_a_lost_runner_claims_nothing_until_its_next_heartbeat(world: World) -> None:
    """A38."""
    runner = await world.runner()
    await world.start()
    world.clock.advance(60)
    assert await runner.claim() == []
    await runner.beat()
    assert len(await runner.claim()) == 1


async def test_a_restarted_runner_keeps_its_id_and_the_older_process_is_superseded(world: World) -> None:
    """A08."""
    old = await world.runner()
    new = await world.runner(launch_token="second-process")
    assert (new.runner_id, new.epoch) == (old.runner_id, old.epoch + 1)
    assert await world.count("all_runners") == 1
    for report in (old.claim(), old.beat()):
        with pytest.raises(Conflict) as refused:
            await report
        assert refused.value.code == "runner_superseded"


async def test_a_known_runner_without_its_credential_is_refused_until_a_person_removes_it(world: World) -> None:
    """10: identity."""
    runner = await world.runner()
    with pytest.raises(Conflict) as refused:
        await world.runner(credential_sha256="0" * 64)
    assert refused.value.code == "runner_known"
    await world.runners.remove(OWNER, runner.runner_id)
    await world.runner(credential_sha256="0" * 64)


async def test_a_draining_runner_takes_nothing_and_keeps_what_it_has(world: World) -> None:
    """R14."""
    runner, claim = await first_claim(world)
    for stranger in (Caller(token_id="tok", kind="read_only"), Caller(token_id="tok", kind="browser", project_id="p")):
        with pytest.raises(Forbidden):
            await world.runners.drain(stranger, runner.runner_id)
    await world.runners.drain(Caller(token_id="tok", kind="browser"), runner.runner_id)
    waiting = await world.start()
    assert await runner.claim() == []
    assert (await runner.beat(claim)).draining
    await runner.end(claim)
    await world.runners.resume(OWNER, runner.runner_id)
    (next_claim,) = await runner.claim()
    assert next_claim.run_id == waiting.run_id


async def test_an_attempt_that_can_never_launch_fails_with_the_reason(world: World) -> None:
    """30: project_dir_outside_roots."""
    runner = await world.runner()
    created = await world.start()
    (claim,) = await runner.claim()
    report = NotLaunched(
        runner_id=runner.runner_id,
        epoch=runner.epoch,
        attempt=claim.attempt,
        code="project_dir_missing",
        message="There is no directory /srv.",
        retry=False,
    )
    await world.reports.not_launched(runner.caller, created.run_id, report)
    run = await world.run(created.run_id)
    assert run.status == "failed"
    assert run.error is not None
    assert run.error.code == "project_dir_missing"


async def test_r19_a_permission_that_was_not_used_goes_back_to_the_queue_and_counts_no_try(world: World) -> None:
    """10, 30: not_launched after an accepted `started`; also of a run that may not be repeated, also of a lost one."""
    runner, claim = await first_claim(world)
    for _ in range(2):
        answer = await runner.give_back(claim)
        assert (answer.status, answer.reason) == ("pending", "not_launched")
    waiting = await world.run(claim.run_id)
    assert (waiting.status, waiting.tries, waiting.runner_id, waiting.started_at) == ("pending", 0, None, None)
    assert await world.status(claim.session_id) == "pending"
    assert (await runner.beat(claim)).stale != []
    with pytest.raises(Conflict):
        await runner.started(claim)

    (second,) = await runner.claim()
    await runner.started(second)
    await world.pass_time(40)
    assert (await world.run(claim.run_id)).status == "interrupted"
    await runner.give_back(second)
    await runner.beat()
    (third,) = await runner.claim()
    assert (await runner.work(third)).status == "completed"
    assert (await world.run(claim.run_id)).tries == 1
    assert (await world.types(claim.session_id)).count("run_completed") == 1
    told = [event for event in await world.log(claim.session_id) if event.type == "run_interrupted"]
    payload = msgspec.json.decode(told[0].payload)
    assert (payload["why"], payload["follows"]) == ("I was restarted.", "retry")


async def test_a_run_that_is_never_launched_again_and_again_ends(world: World) -> None:
    """10: bounded."""
    runner, claim = await first_claim(world)
    for _ in range(MAX_UNLAUNCHED):
        await runner.give_back(claim)
        (claim,) = await runner.claim()
        await runner.started(claim)
    answer = await runner.give_back(claim)
    assert (answer.status, answer.reason) == ("failed", "max_attempts")
    run = await world.run(claim.run_id)
    assert (run.status, run.reason, run.error and run.error.message) == ("failed", "max_attempts", "I was restarted.")


async def test_an_attempt_that_said_something_was_launched_whatever_its_runner_says(world: World) -> None:
    """5: an effect is recorded once."""
    runner, claim = await first_claim(world)
    await runner.say(claim, "I am at it")
    answer = await runner.give_back(claim)
    assert (answer.status, answer.reason) == ("failed", "failed")


async def test_what_a_person_stopped_is_not_queued_again_when_it_was_not_launched(world: World) -> None:
    """7: what a person cancelled does not run again."""
    runner, claim = await first_claim(world)
    await world.stops.stop_run(OWNER, claim.run_id)
    answer = await runner.give_back(claim)
    assert (answer.status, answer.reason) == ("stopped", "stopped")


async def test_usage_is_booked_once_and_that_of_stale_attempts_too(world: World) -> None:
    """A65, R22: failed and stale runs keep their usage; repeats count once."""
    runner, claim = await first_claim(world, on_lost="retry", repeatable=True)
    row = UsageRow(model="m", message_id="msg-1", input_tokens=10, output_tokens=5, turns=1, cost_microdollars=7)
    late = UsageRow(model="m", message_id="msg-2", input_tokens=1, cost_microdollars=1)
    for _ in range(2):
        report = UsageReport(runner_id=runner.runner_id, epoch=runner.epoch, attempt=1, rows=[row])
        await world.reports.usage(runner.caller, claim.run_id, report)
    await world.pass_time(40)
    await runner.beat()
    (second,) = await runner.claim()
    await runner.started(second)
    with pytest.raises(Conflict):
        await runner.end(claim, usage=[late])
    await runner.end(second, "failed", error_message="it broke", usage=[row])
    run = await world.run(claim.run_id)
    assert (run.usage.input_tokens, run.usage.cost_microdollars) == (11, 8)
