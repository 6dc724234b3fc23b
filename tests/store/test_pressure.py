"""R11: writers, readers, pruning and a backup at the same time; nobody is told of locks, nobody waits for long."""

import asyncio
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from callboard.store.database import Database, Transaction
from callboard.store.event_log import current_cursor, prune, retained_after
from callboard.store.events import NewEvent, append, page_by_seq
from tests.store.harness import Harness, new_session

OLD_EVENTS = 200_000
RUNNERS = 200
SLOWEST_OF_A_HUNDRED_SECONDS = 1.0
LONGEST_HOLD_SECONDS = 0.1
AT_MOST_LONGER = 3
EVENTS = [NewEvent(type="message", payload=b'{"role":"assistant","text":"' + b"x" * 150 + b'"}')] * 5


class Traffic:
    """What runners do, until they are told to stop."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.over = asyncio.Event()
        self.waited: list[float] = []

    async def runner(self) -> None:
        """Post five events, read the last of them, rest a moment; the waits for writes are kept."""
        session_id = await self.database.write(new_session)
        while not self.over.is_set():
            began = time.monotonic()
            seqs = await self.database.write(lambda tx: append(tx, session_id, session_id, EVENTS))
            self.waited.append(time.monotonic() - began)
            page = await self.database.read(partial(page_by_seq, session_id=session_id, after=seqs[-1] - 1, limit=10))
            assert [event.seq for event in page.events] == [seqs[-1]]
            with suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), timeout=0.1)

    async def goes_on(self, database: Database) -> None:
        """Wait until each runner has written a few times more."""
        wanted = len(self.waited) + 5 * RUNNERS
        while len(self.waited) < wanted:
            await database.check()

    def slowest_of_a_hundred(self) -> float:
        """The time in seconds that one in a hundred writes took, or longer."""
        return sorted(self.waited)[len(self.waited) * 99 // 100]


async def many_old_events(database: Database) -> None:
    session_id = await database.write(new_session)
    for _ in range(OLD_EVENTS // 500):
        await database.write(lambda tx: append(tx, session_id, session_id, EVENTS * 100))


async def prune_all(database: Database, before_ms: int) -> float:
    """Forget everything written before a time, step by step; return the longest step in seconds."""
    longest = 0.0

    def step(tx: Transaction) -> int:
        nonlocal longest
        began = time.monotonic()
        pruned = prune(tx, before_ms).batches
        longest = max(longest, time.monotonic() - began)
        return pruned

    while await database.write(step):
        pass
    return longest


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_r11_traffic_of_200_runners_with_pruning_and_a_backup(
    harness: Harness, database: Database, tmp_path: Path
) -> None:
    """R11: writes go on, the writer never held longer than 100 ms by pruning, a sound backup.

    p99 of writes is below 250 ms on a machine with nothing else to do; beside other tests it gets a second.
    """
    await many_old_events(database)
    end_of_old = await database.read(current_cursor)
    before_ms = await database.now_ms() + 1
    traffic = Traffic(database)
    running = asyncio.gather(*(traffic.runner() for _ in range(RUNNERS)))
    await traffic.goes_on(database)
    calm = traffic.slowest_of_a_hundred()
    traffic.waited.clear()
    backup = asyncio.create_task(asyncio.to_thread(harness.copy, tmp_path / "copy.db"))
    longest = await prune_all(database, before_ms)
    await backup
    await traffic.goes_on(database)
    traffic.over.set()
    await running
    assert await database.read(retained_after) >= end_of_old
    if harness.writers == 1:  # else each writer has a connection of its own, and pruning holds up nobody
        assert longest < LONGEST_HOLD_SECONDS
    assert traffic.slowest_of_a_hundred() < max(SLOWEST_OF_A_HUNDRED_SECONDS, calm * AT_MOST_LONGER)
    assert harness.problems_of_copy(tmp_path / "copy.db") == []
