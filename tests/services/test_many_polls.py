"""A run that arrives wakes those who can take it; what is new is read once, not by every poll that is held."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from callboard.store.hints import LookAgain, Queued
from callboard.wire.requests import AdditionalDemands
from callboard.wire.runner import Claim
from tests.services.world import OWNER, World

RUNNERS = 30
BOUND_SECONDS = 10
FEW_READS = 8


class Reads:
    """Counts what is read of the real database."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._read = world.database.read
        monkeypatch.setattr(world.database, "read", self._counted)

    async def _counted(self, work: Any) -> Any:
        self.count += 1
        return await self._read(work)


@pytest.fixture
async def reads(world: World, monkeypatch: pytest.MonkeyPatch) -> Reads:
    """The reads of the world from now on."""
    return Reads(world, monkeypatch)


@pytest.fixture
async def polls(world: World, reads: Reads) -> AsyncIterator[list[asyncio.Future[list[Claim]]]]:
    """One held poll of each of many runners."""
    runners = [await world.runner(f"host-{number}") for number in range(RUNNERS)]
    held: list[asyncio.Future[list[Claim]]] = [
        asyncio.ensure_future(runner.claim(wait_seconds=BOUND_SECONDS)) for runner in runners
    ]
    while reads.count < RUNNERS:  # each asks once whether something is to be stopped
        await world.database.check()
    await world.database.check()
    reads.count = 0
    yield held
    for poll in held:
        poll.cancel()


async def test_a_run_of_a_new_demand_class_is_looked_at_once_for_all_polls(
    world: World, reads: Reads, polls: list[asyncio.Future[list[Claim]]]
) -> None:
    """30: an arriving run wakes exactly the pollers that can take it, also when its demands are new."""
    created = await world.start(additional_demands=AdditionalDemands(hostname="host-7"))
    (claim,) = await asyncio.wait_for(polls[7], BOUND_SECONDS)
    assert claim.run_id == created.run_id
    assert reads.count <= FEW_READS
    assert sum(poll.done() for poll in polls) == 1


async def test_polls_that_a_run_woke_in_vain_do_not_ask_the_database(
    world: World, reads: Reads, polls: list[asyncio.Future[list[Claim]]]
) -> None:
    """30: all can take it, one gets it."""
    created = await world.start()
    done, _ = await asyncio.wait(polls, timeout=BOUND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    assert [claim.run_id for poll in done for claim in poll.result()] == [created.run_id]
    await world.database.check()
    assert reads.count <= FEW_READS


async def test_runners_are_read_once_for_all_polls_when_memory_is_old(
    world: World, reads: Reads, polls: list[asyncio.Future[list[Claim]]]
) -> None:
    """30: a lost hint wakes every poll, and the runners are read once; each poll asks for its own stops."""
    for listener in (world.fleet.on_hints, world.signals.on_hints, world.dispatch.on_hints):
        listener([LookAgain()])
    while reads.count < RUNNERS:
        await world.database.check()
    for _ in range(3):
        await world.database.check()
    assert reads.count <= RUNNERS + FEW_READS
    assert not any(poll.done() for poll in polls)


async def test_a_stop_reaches_the_poll_that_was_woken_for_a_run_before(world: World) -> None:
    """30: a poll that was woken in vain, and looked for runs alone, still hears of a stop at once."""
    runner = await world.runner("one")
    created = await world.start()
    (claim,) = await runner.claim()
    await runner.started(claim)
    poll = asyncio.ensure_future(
        world.dispatch.poll(runner.caller, runner.runner_id, runner.epoch, BOUND_SECONDS, 1, asyncio.Event())
    )
    await world.database.check()
    row = await world.database.read(lambda tx: tx.one("run_by_id", run_id=created.run_id))
    assert row is not None
    world.dispatch.on_hints([Queued(created.run_id, created.session_id, row["demand_class"], 1)])
    await world.database.check()
    await world.stops.stop_run(OWNER, created.run_id)
    answer = await asyncio.wait_for(poll, BOUND_SECONDS)
    assert answer is not None
    assert [stop.run_id for stop in answer.stops] == [created.run_id]
