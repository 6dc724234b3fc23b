"""R11: writers, readers, pruning and a backup at the same time; nobody is told of locks, nobody is passed over.

How long anybody waits is no question of these tests: a busy machine makes all wait.
"""

import asyncio
from collections.abc import Awaitable
from functools import partial
from pathlib import Path

import pytest

from callboard.coordinator.services.retention import MOST_BATCHES, RetentionService
from callboard.store.database import Database, Transaction
from callboard.store.event_log import MAX_PRUNED_BYTES, Pruned, current_cursor, retained_after
from callboard.store.events import NewEvent, append, page_by_seq
from tests.store.harness import Harness, new_session
from tests.store.settable_clock import SettableClock

RUNNERS = 200
OLD_BATCHES = 200
EVENTS = [NewEvent(type="message", payload=b'{"role":"assistant","text":"' + b"x" * 150 + b'"}')] * 5
OLD_BATCH = EVENTS * 100
OLD_BATCH_BYTES = sum(len(event.payload) for event in OLD_BATCH)
HOUR_MS = 3_600_000


class Forgetting(RetentionService):
    """The service that forgets; its steps are counted where the database does them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, HOUR_MS, pause_seconds=0)
        self.begun = 0
        self.sizes: list[int] = []

    def _step(self, tx: Transaction) -> tuple[Pruned, float]:
        self.begun += 1
        done = super()._step(tx)
        self.sizes.append(done[0].batches)
        return done


class Traffic:
    """What runners do, until they are told to stop."""

    def __init__(self, database: Database, forgetting: Forgetting) -> None:
        self.database = database
        self.over = False
        self.passed_by: list[int] = []
        """Of each write how many steps of forgetting began between its order and its turn."""
        self._forgetting = forgetting

    async def runner(self) -> None:
        """Post five events, read the last of them, and so on without a rest."""
        session_id = await self.database.write(new_session)
        while not self.over:
            seqs = await self.database.write(partial(self._post, session_id, self._forgetting.begun))
            page = await self.database.read(partial(page_by_seq, session_id=session_id, after=seqs[-1] - 1, limit=10))
            assert [event.seq for event in page.events] == [seqs[-1]]

    def _post(self, session_id: str, begun_before: int, tx: Transaction) -> list[int]:
        self.passed_by.append(self._forgetting.begun - begun_before)
        return list(append(tx, session_id, session_id, EVENTS))

    async def during(self, work: Awaitable[object]) -> int:
        """How much is written while something is done."""
        before = len(self.passed_by)
        await work
        return len(self.passed_by) - before

    async def goes_on(self) -> None:
        """Wait until each runner has written a few times more."""
        wanted = len(self.passed_by) + 5 * RUNNERS
        while len(self.passed_by) < wanted:
            await self.database.check()


async def write_old(database: Database) -> None:
    session_id = await database.write(new_session)
    for _ in range(OLD_BATCHES):
        await database.write(lambda tx: append(tx, session_id, session_id, OLD_BATCH))


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_r11_traffic_of_200_runners_with_pruning_and_a_backup(harness: Harness, tmp_path: Path) -> None:
    """R11: pruning takes small steps, and with one writer who waits for it waits for one of them; a sound backup."""
    clock = SettableClock()
    database = await harness.open(clock=clock)
    await write_old(database)
    end_of_old = await database.read(current_cursor)
    clock.advance(2 * HOUR_MS)
    forgetting = Forgetting(database)
    traffic = Traffic(database, forgetting)
    running = asyncio.gather(*(traffic.runner() for _ in range(RUNNERS)))
    await traffic.goes_on()
    copying = asyncio.create_task(traffic.during(asyncio.to_thread(harness.copy, tmp_path / "copy.db")))
    assert await traffic.during(forgetting.sweep_once()) > 0
    assert await copying > 0
    await traffic.goes_on()
    traffic.over = True
    await running
    assert sum(forgetting.sizes) == OLD_BATCHES
    assert max(forgetting.sizes) <= min(MOST_BATCHES, MAX_PRUNED_BYTES // OLD_BATCH_BYTES)
    if harness.writers == 1:  # else each writer has a connection of its own, and pruning holds up nobody
        assert max(traffic.passed_by) <= 1
    assert await database.read(retained_after) >= end_of_old
    await database.close()
    assert harness.problems_of_copy(tmp_path / "copy.db") == []
