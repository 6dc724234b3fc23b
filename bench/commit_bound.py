"""The bound of durable writing: clients on an event loop, threads that commit what waits, one row each.

The same databases and settings as the coordinator's, without transactions of works, rules or HTTP.
"""

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

import apsw
import psycopg

from bench.databases import Home
from bench.figures import percentile
from bench.load import Measured, Window
from bench.processor import FamilyTime, ProcessorTime

MAX_GROUP: Final = 512
CHECKPOINT_PAGES: Final = 2_000
_PRAGMAS: Final = ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0", "cache_size = -32768")

Waiting = asyncio.Future[None]


class Rows(Protocol):
    """A table of blocks on a connection of one thread."""

    def begin(self) -> None: ...

    def insert(self, block: str) -> None: ...

    def commit(self) -> None: ...

    def close(self) -> None: ...


class SqliteRows:
    """Inserts one by one, as the store does."""

    def __init__(self, home: Home) -> None:
        home.directory.mkdir(parents=True, exist_ok=True)
        self._connection = apsw.Connection(str(home.directory / "commits.db"))
        for setting in _PRAGMAS:
            self._connection.execute(f"PRAGMA {setting}").fetchall()
        self._connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, block TEXT NOT NULL)")
        self._pages = 0
        self._connection.set_wal_hook(self._on_commit)

    def begin(self) -> None:
        """Begins a transaction."""
        self._connection.execute("BEGIN IMMEDIATE")

    def insert(self, block: str) -> None:
        """Adds a row to it."""
        self._connection.execute("INSERT INTO rows (block) VALUES (?)", (block,))

    def commit(self) -> None:
        """Ends it."""
        self._connection.execute("COMMIT")
        if self._pages > CHECKPOINT_PAGES:
            self._pages = 0
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def _on_commit(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK


class PostgresRows:
    """Collects a transaction's rows and sends them in one statement, which is one journey and one commit."""

    def __init__(self, home: Home) -> None:
        self._connection = psycopg.connect(home.url or "", autocommit=True)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS rows (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, block TEXT NOT NULL)"
        )
        self._blocks: list[str] = []

    def begin(self) -> None:
        """Begins a transaction."""
        self._blocks = []

    def insert(self, block: str) -> None:
        """Adds a row to it."""
        self._blocks.append(block)

    def commit(self) -> None:
        """Ends it."""
        # An array would be one statement for all sizes, but the driver takes longer to write one than all else takes.
        statement = b"INSERT INTO rows (block) VALUES " + b", ".join([b"(%s)"] * len(self._blocks))
        self._connection.execute(statement, self._blocks, prepare=True)

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


class _Writers:
    """Threads that each commit what they find waiting, so many rows at once."""

    def __init__(self, make: Callable[[], Rows], threads: int, group: int) -> None:
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[tuple[str, Waiting] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._run, args=(make(),), daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    async def write(self, block: str) -> None:
        """Returns after the commit."""
        waiting: Waiting = self._loop.create_future()
        self._calls.put((block, waiting))
        await waiting

    def close(self) -> None:
        """Ends the threads after what waits."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self, rows: Rows) -> None:
        while (call := self._calls.get()) is not None:
            self._commit(rows, [call])
        rows.close()

    def _commit(self, rows: Rows, group: list[tuple[str, Waiting]]) -> None:
        rows.begin()
        rows.insert(group[0][0])
        while len(group) < self._group and (call := self._waiting()) is not None:
            group.append(call)
            rows.insert(call[0])
        rows.commit()
        self._loop.call_soon_threadsafe(_answer, group)

    def _waiting(self) -> tuple[str, Waiting] | None:
        """The next call if one waits; another thread may be faster."""
        try:
            call = self._calls.get_nowait()
        except queue.Empty:
            return None
        if call is None:
            self._calls.put(None)
        return call


def _answer(group: list[tuple[str, Waiting]]) -> None:
    for _, waiting in group:
        if not waiting.done():
            waiting.set_result(None)


async def measure_commits(
    home: Home, block: str, clients: int, window: Window, *, threads: int = 1, group: int = MAX_GROUP
) -> Measured:
    """Writes of this block from so many clients in this process."""
    kind = SqliteRows if home.url is None else PostgresRows
    writers = _Writers(lambda: kind(home), threads, group)
    latencies: list[float] = []
    over = asyncio.Event()

    async def client() -> None:
        while not over.is_set():
            begin = time.perf_counter()
            await writers.write(block)
            latencies.append(time.perf_counter() - begin)

    tasks = [asyncio.create_task(client()) for _ in range(clients)]
    await asyncio.sleep(window.warm_up_seconds)
    latencies.clear()
    ours, database, begin = ProcessorTime(os.getpid()), FamilyTime(home.server_pid), time.perf_counter()
    await asyncio.sleep(window.seconds)
    took, (spent, loop_spent), seen = time.perf_counter() - begin, ours.since(), list(latencies)
    server_spent = database.since()
    over.set()
    await asyncio.gather(*tasks)
    writers.close()
    return Measured(
        requests=len(seen),
        seconds=took,
        processor_seconds=spent,
        event_loop_seconds=loop_spent,
        database_processor_seconds=server_spent,
        load_processor_seconds=0.0,
        p50_ms=percentile(seen, 50) * 1000,
        p99_ms=percentile(seen, 99) * 1000,
    )
