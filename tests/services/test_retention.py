"""Forgetting what is old: in small steps, never of sessions at work, honest to whoever asks for what is gone."""

import asyncio
from functools import partial

import pytest

from callboard.coordinator.services import retention
from callboard.coordinator.services.feed import EventFeed
from callboard.coordinator.services.retention import RetentionService
from callboard.domain.idempotency import KEPT_MS
from callboard.store.cursor import START, parse_cursor
from callboard.store.database import Transaction
from callboard.store.event_log import PRUNED_KEY, current_cursor, prune, retained_after
from callboard.wire.requests import AdditionalDemands
from tests.services.world import OWNER, World, first_claim

DAY_MS = 86_400_000
DAY_SECONDS = 86_400


def keeping(world: World, days: float) -> RetentionService:
    """A service that keeps events so long, and does not pause."""
    return RetentionService(world.database, round(days * DAY_MS), pause_seconds=0)


async def finished_session(world: World, said: int = 3) -> str:
    """A session whose only run has completed, with so many messages."""
    runner, claim = await first_claim(world)
    for number in range(said):
        await runner.say(claim, f"message {number}")
    await runner.end(claim)
    return claim.session_id


def let_time_pass(world: World, days: float) -> None:
    """Time in which nobody speaks and nothing is swept."""
    world.clock.advance(days * DAY_SECONDS)


async def test_events_are_kept_for_ever_unless_a_person_says_otherwise(world: World) -> None:
    session_id = await finished_session(world)
    before = await world.log(session_id)
    let_time_pass(world, 3_000)
    assert (await keeping(world, 0).sweep_once()).batches == 0
    assert await world.log(session_id) == before


async def test_old_events_go_and_young_ones_stay(world: World) -> None:
    old = await finished_session(world)
    let_time_pass(world, 20)
    young = await finished_session(world)
    let_time_pass(world, 15)
    kept = await world.log(young)
    forgotten = await keeping(world, 30).sweep_once()
    assert forgotten.batches > 0
    assert forgotten.done
    assert (await world.log(old), await world.log(young)) == ([], kept)


async def test_the_page_of_a_forgotten_log_says_where_it_begins(world: World) -> None:
    session_id = await finished_session(world)
    whole = await world.events.list(OWNER, session_id, 0, None, 200)
    assert whole.first_seq == 1
    before_ms = world.clock.now_ms() + 1
    await world.database.write(lambda tx: prune(tx, before_ms, limit=2))
    part = await world.events.list(OWNER, session_id, 0, None, 200)
    assert part.first_seq == part.items[0].seq > 1
    assert part.items == [event for event in whole.items if event.seq >= part.first_seq]
    await world.database.write(lambda tx: prune(tx, before_ms))
    none = await world.events.list(OWNER, session_id, 0, None, 200)
    assert (none.items, none.first_seq, none.next_page) == ([], whole.items[-1].seq + 1, None)


@pytest.mark.parametrize("state", ["waiting", "running", "interrupted", "resumed"])
async def test_the_log_of_a_session_at_work_is_kept_whole(world: World, state: str) -> None:
    """A live or queued run keeps its session's events, however old; the sessions around it lose theirs."""
    other = await finished_session(world)
    if state == "resumed":
        session_id = await finished_session(world)
        await world.resume(session_id)
    elif state == "waiting":
        session_id = (await world.start()).session_id
    else:
        runner, claim = await first_claim(world)
        await runner.say(claim, "still here")
        session_id = claim.session_id
        if state == "interrupted":
            await world.pass_time(60)
            assert await world.status(session_id) == "interrupted"
    kept = await world.log(session_id)
    let_time_pass(world, 40)
    await keeping(world, 30).sweep_once()
    assert await world.log(session_id) == kept
    assert await world.log(other) == []


async def test_a_session_that_ends_loses_its_old_events_in_the_next_round(world: World) -> None:
    runner, claim = await first_claim(world)
    await runner.say(claim, "old")
    let_time_pass(world, 40)
    service = keeping(world, 30)
    assert (await service.sweep_once()).batches == 0
    await runner.end(claim)
    assert (await service.sweep_once()).batches > 0
    log = await world.log(claim.session_id)
    assert log
    assert log[0].seq > 1


async def test_r21_a_consumer_of_what_is_forgotten_is_told_where_the_log_begins(world: World) -> None:
    """R21: also when the newest batch of the log belongs to a session that was spared."""
    spared = await world.start(additional_demands=AdditionalDemands(project_dir="/elsewhere"))
    await finished_session(world)
    feed = EventFeed(world.database)
    end = await feed.end()
    let_time_pass(world, 40)
    await keeping(world, 30).sweep_once()
    page = await feed.page(START, 100)
    assert page.beginning == await feed.beginning() == end
    assert await feed.end() == end, "a consumer that was up to date has no gap"
    assert {event.event.session_id for event in page.events} == {spared.session_id}


async def test_a_round_is_bounded_and_the_next_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await finished_session(world, said=10)
    let_time_pass(world, 40)
    monkeypatch.setattr(retention, "MAX_STEPS", 2)
    monkeypatch.setattr(retention, "MOST_BATCHES", 3)
    service = keeping(world, 30)
    rounds = [await service.sweep_once() for _ in range(4)]
    assert [one.steps for one in rounds[:2]] == [2, 2]
    assert [one.done for one in rounds[:2]] == [False, False]
    while not rounds[-1].done:
        rounds.append(await service.sweep_once())
    assert sum(one.batches for one in rounds) == service.batches
    assert (await world.database.read(lambda tx: tx.one("newest_event_batch"))) is None


async def test_steps_shrink_on_a_slow_disk_and_grow_again(world: World) -> None:
    service = keeping(world, 30)
    for _ in range(10):
        service._adapt(retention.LONG_HOLD_SECONDS * 2)
    only_writer = world.database.one_writer
    assert service._most == (retention.FEWEST_BATCHES if only_writer else retention.MOST_BATCHES)
    for _ in range(10):
        service._adapt(0.001)
    assert service._most == retention.MOST_BATCHES


async def test_two_coordinators_forget_at_once_without_an_error(world: World) -> None:
    sessions = [await finished_session(world) for _ in range(5)]
    let_time_pass(world, 40)
    both = [keeping(world, 30) for _ in range(2)]
    for _ in range(3):
        await asyncio.gather(*(service.sweep_once() for service in both))
    assert [await world.log(session_id) for session_id in sessions] == [[]] * 5
    assert await world.database.read(retained_after) == await world.database.read(current_cursor)


async def test_of_two_who_move_the_beginning_one_does_nothing(world: World) -> None:
    """What was read of the beginning is compared when it is written: it never goes back."""

    def moved(was: str, tx: Transaction) -> int:
        return tx.run("move_meta_value", key=PRUNED_KEY, value="0.9.0", was=was)

    assert await world.database.write(partial(moved, "")) == 1
    assert await world.database.write(partial(moved, "")) == 0
    assert await world.database.write(partial(moved, "0.8.0")) == 0
    assert await world.database.write(partial(moved, "0.9.0")) == 1
    assert await world.database.read(retained_after) == parse_cursor("0.9.0")


async def test_what_is_ending_stops_after_its_step(world: World) -> None:
    await finished_session(world)
    let_time_pass(world, 40)
    service = keeping(world, 30)
    service.end()
    assert (await service.sweep_once()).steps == 0


async def test_tokens_of_attempts_that_are_over_go_after_a_week(world: World) -> None:
    await finished_session(world)
    runner = await world.runner("two")
    await world.start()
    (claim,) = await runner.claim()
    await runner.started(claim)

    async def tokens() -> list[str]:
        found = await world.database.read(lambda tx: tx.all("list_tokens", before="tok_z", project_id="", limit=50))
        return sorted(str(row["run_id"]) for row in found if row["kind"] == "session")

    service = keeping(world, 0)
    assert len(await tokens()) == 2
    let_time_pass(world, 6)
    assert (await service.sweep_once()).rows == 0
    let_time_pass(world, 2)
    assert (await service.sweep_once()).rows == 1
    assert await tokens() == [claim.run_id], "the token of a live attempt is not touched"


async def test_more_answers_than_one_batch_are_forgotten_in_one_round(world: World) -> None:
    def answers(tx: Transaction) -> None:
        for number in range(1_200):
            values = {"token_id": "tok_x", "key": str(number), "body_hash": "", "status": 201, "answer": ""}
            tx.run("remember_answer", **values, now=tx.now_ms)

    await world.database.write(answers)
    world.clock.advance(KEPT_MS / 1000 + 1)
    assert (await keeping(world, 0).sweep_once()).rows == 1_200
