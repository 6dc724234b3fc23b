"""The bound of durable writing: clients on an event loop, one thread that commits everything that waits, one row each.

The same database, settings and threads as the coordinator's, without transactions of works, rules or HTTP.
"""

import asyncio
import queue
import threading
import time
from pathlib import Path
from typing import Final

import apsw

from bench.figures import percentile
from bench.load import Measured, Window
from bench.processor import ProcessorTime

MAX_GROUP: Final = 512
CHECKPOINT_PAGES: Final = 2_000
_SETTINGS: Final = ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0", "cache_size = -32768")
_INSERT: Final = "INSERT INTO rows (block) VALUES (?)"

Waiting = asyncio.Future[None]


class _Writer:
    """A table of blocks and the thread that writes it."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        for setting in _SETTINGS:
            self._connection.execute(f"PRAGMA {setting}").fetchall()
        self._connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, block TEXT NOT NULL)")
        self._pages = 0
        self._connection.set_wal_hook(self._on_commit)
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[tuple[str, Waiting] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    async def write(self, block: str) -> None:
        """Returns after the commit."""
        waiting: Waiting = self._loop.create_future()
        self._calls.put((block, waiting))
        await waiting

    def close(self) -> None:
        """Ends the thread after what waits."""
        self._calls.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            self._commit([call])
            if self._pages > CHECKPOINT_PAGES:
                self._pages = 0
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._connection.close()

    def _commit(self, group: list[tuple[str, Waiting]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(_INSERT, (group[0][0],))
        while len(group) < MAX_GROUP and not self._calls.empty():
            call = self._calls.get()
            if call is None:
                self._calls.put(None)
                break
            group.append(call)
            self._connection.execute(_INSERT, (call[0],))
        self._connection.execute("COMMIT")
        self._loop.call_soon_threadsafe(_answer, group)

    def _on_commit(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK


def _answer(group: list[tuple[str, Waiting]]) -> None:
    for _, waiting in group:
        if not waiting.done():
            waiting.set_result(None)


async def measure_commits(path: Path, block: str, clients: int, pid: int, window: Window) -> Measured:
    """Writes of this block from so many clients in this process."""
    writer = _Writer(path)
    latencies: list[float] = []
    over = asyncio.Event()

    async def client() -> None:
        while not over.is_set():
            begin = time.perf_counter()
            await writer.write(block)
            latencies.append(time.perf_counter() - begin)

    tasks = [asyncio.create_task(client()) for _ in range(clients)]
    await asyncio.sleep(window.warm_up_seconds)
    latencies.clear()
    ours, begin = ProcessorTime(pid), time.perf_counter()
    await asyncio.sleep(window.seconds)
    took, (spent, loop_spent), seen = time.perf_counter() - begin, ours.since(), list(latencies)
    over.set()
    await asyncio.gather(*tasks)
    writer.close()
    return Measured(
        requests=len(seen),
        seconds=took,
        processor_seconds=spent,
        event_loop_seconds=loop_spent,
        load_processor_seconds=0.0,
        p50_ms=percentile(seen, 50) * 1000,
        p99_ms=percentile(seen, 99) * 1000,
    )
