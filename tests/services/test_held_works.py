"""Works that meet another one in the middle of it: what they wait for, and what they go past."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from callboard.coordinator.services.fleet import record_class
from callboard.domain.demands import Demands, canonical
from callboard.store.database import Database, Transaction
from tests.services.two_coordinators import Coordinators, open_coordinators
from tests.store.harness import KINDS

pytestmark = pytest.mark.slow

BOUND_SECONDS = 10.0
CONCURRENT = [kind for kind in KINDS if kind != "sqlite"]
"""Where one writer does all works there is no middle in which another could meet it."""


@pytest.fixture(params=CONCURRENT)
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Coordinators]:
    """Two coordinators."""
    async with open_coordinators(request.param, tmp_path) as opened:
        yield opened
        assert await opened.problems() == []


@asynccontextmanager
async def held(database: Database, work: Callable[[Transaction], Any]) -> AsyncIterator[None]:
    """While inside, the work is done and not committed."""
    reached, released = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def waiting(tx: Transaction) -> None:
        work(tx)
        loop.call_soon_threadsafe(reached.set)
        assert released.wait(BOUND_SECONDS)

    writing = asyncio.ensure_future(database.write(waiting))
    try:
        await asyncio.wait_for(reached.wait(), BOUND_SECONDS)
        yield
    finally:
        released.set()
        await writing


async def test_a_claim_goes_past_a_session_that_another_work_is_moving(pair: Coordinators) -> None:
    """80: SKIP LOCKED on the claim; what was gone past is claimed by the next poll."""
    _, runner = await pair.runner()
    slow, free = await pair.first.start(), await pair.first.start()
    await pair.catch_up()
    async with held(pair.first.database, lambda tx: tx.lock_session(slow.session_id)):
        (claim,) = await asyncio.wait_for(runner.claim(4), BOUND_SECONDS / 2)
        assert claim.run_id == free.run_id
    (claim,) = await runner.claim(4)
    assert claim.run_id == slow.run_id


async def test_a_claim_that_has_nothing_else_waits_for_the_session(pair: Coordinators) -> None:
    """30: an arriving run is not left lying because somebody wrote its title when it was looked at."""
    _, runner = await pair.runner()
    slow = await pair.first.start()
    await pair.catch_up()
    async with held(pair.first.database, lambda tx: tx.lock_session(slow.session_id)):
        claiming = asyncio.ensure_future(runner.claim(4))
        done, _ = await asyncio.wait([claiming], timeout=0.2)
        assert not done
    (claim,) = await claiming
    assert claim.run_id == slow.run_id


async def test_a_class_that_a_work_is_using_is_not_forgotten(pair: Coordinators) -> None:
    """30: else a run would wait in a class that nobody knows."""
    demands = Demands(executor_type="scripted", tags=("rare",))
    key = await pair.first.database.write(lambda tx: record_class(tx, demands, canonical(demands)))
    async with held(pair.first.database, lambda tx: record_class(tx, demands, canonical(demands))):
        await asyncio.wait_for(pair.second.leases.prune_once(), BOUND_SECONDS / 2)
    assert len(await pair.rows("known_class", demand_class=key)) == 1
    await pair.second.leases.prune_once()
    assert await pair.rows("known_class", demand_class=key) == []


async def test_a_new_class_waits_for_a_runner_that_registers(pair: Coordinators) -> None:
    """30: it is matched by the runner that it could not see yet."""
    created = pair.first.start()
    async with held(pair.second.database, lambda tx: tx.lock_fleet()):
        waiting = asyncio.ensure_future(created)
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
    await waiting
