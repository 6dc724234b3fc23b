"""The store over SQLite: one writer thread, a few reader threads, one file. Knows no tables but its own version."""

import asyncio
import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Final

import apsw

from callboard.domain.errors import DISK_FULL, Unavailable
from callboard.store import migrate, queries
from callboard.store.backup import copy_database
from callboard.store.calls import Lane
from callboard.store.clock import Clock, SqliteClock
from callboard.store.database import Listener, StoreRefused, T, Work
from callboard.store.file_system import check_place
from callboard.store.migrate import Migration
from callboard.store.sqlite_connection import SqliteTransaction, connect, translate
from callboard.store.sqlite_reader import SqliteReader
from callboard.store.sqlite_writer import SqliteWriter

TIMEOUT_SECONDS: Final = 30.0
CHECK_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 10.0
READERS: Final = 2


class SqliteDatabase:
    """A database in one file, used by one process. Made by open_sqlite on the event loop that uses it."""

    def __init__(
        self, writer: apsw.Connection, readers: list[apsw.Connection], clock: Clock, timeout_seconds: float
    ) -> None:
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._writes = Lane(timeout_seconds)
        self._reads = Lane(timeout_seconds)
        named = queries.load()
        self._reading: list[threading.Thread] = [
            SqliteReader(reader, named, clock, self._reads, number).thread for number, reader in enumerate(readers, 1)
        ]
        self._writing = SqliteWriter(writer, named, clock, self._writes).thread
        for thread in (*self._reading, self._writing):
            thread.start()

    @property
    def clock(self) -> Clock:
        """The clock that was given, or wall time at the opening plus monotonic time since."""
        return self._clock

    @property
    def one_writer(self) -> bool:
        """All writes are done by one thread."""
        return True

    @property
    def pieces(self) -> None:
        """One process owns the file."""
        return None

    async def write(self, work: Work[T]) -> T:
        """The work's result after the commit of its group."""
        return await self._writes.call(work)

    async def read(self, work: Work[T]) -> T:
        """The work's result on a snapshot."""
        return await self._reads.call(work)

    def subscribe(self, listener: Listener) -> None:
        """Calls the listener with the hints of each commit."""
        self._writes.subscribe(listener)

    async def now_ms(self) -> int:
        """The database's time in Unix milliseconds."""
        return self._clock.now_ms()

    async def check(self) -> None:
        """Asks a reader for a row and the writer for a sign of life. Unavailable `store_timeout`, `disk_full`."""
        seconds = min(CHECK_SECONDS, self._timeout_seconds)
        await self._reads.call(lambda transaction: transaction.one("ping"), seconds)
        await self._writes.call(None, seconds)
        await self._writes.check_room(seconds)

    async def close(self) -> None:
        """Finishes what waits; a thread that hangs is left behind after a few seconds. Harmless when repeated."""
        seconds = min(CLOSE_SECONDS, self._timeout_seconds)
        # The writer closes last: the last connection copies the log into the database and removes it.
        self._reads.close(len(self._reading))
        await asyncio.to_thread(_join, self._reading, seconds)
        self._writes.close(1)
        await asyncio.to_thread(_join, [self._writing], seconds)


def _join(threads: list[threading.Thread], seconds: float) -> None:
    """Waits for threads to end, all together no longer than this."""
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


async def open_sqlite(
    path: Path, *, clock: Clock | None = None, timeout_seconds: float = TIMEOUT_SECONDS
) -> SqliteDatabase:
    """The database in this file, made or migrated as needed. StoreRefused, Unavailable.

    Before a file that holds something is migrated, a copy `NAME.bak-VERSION` is written beside it.
    """
    connections = await asyncio.to_thread(_open, path)
    return SqliteDatabase(connections[0], connections[1:], clock or SqliteClock(), timeout_seconds)


def _open(path: Path) -> list[apsw.Connection]:
    check_place(path, apsw.sqlite_lib_version())
    try:
        # Made by us, so that nobody else can read it; the log and the index of the log take over its mode.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        return _connections(path)
    except OSError as error:
        raise StoreRefused(f"The database {path} cannot be opened: {error.strerror}.") from error
    except apsw.NotADBError as error:
        raise StoreRefused(f"{path} is no SQLite database.") from error
    except apsw.Error as error:
        raise translate(error) from error


def _connections(path: Path) -> list[apsw.Connection]:
    """The writer, after the migrations, and the readers."""
    with contextlib.ExitStack() as opened:
        writer = connect(path)
        opened.callback(writer.close)
        bring_up(writer, path)
        readers = [connect(path, query_only=True) for _ in range(READERS)]
        opened.pop_all()
        return [writer, *readers]


def bring_up(connection: apsw.Connection, path: Path) -> None:
    """Runs the migrations that the file still needs, each in one transaction. StoreRefused, Unavailable."""
    version = _version(connection, path)
    steps = migrate.missing(version, migrate.load())
    if version and steps:
        copy_database(path, path.with_name(f"{path.name}.bak-{version}"))
    for step in steps:
        _run_step(connection, step)


def _version(connection: apsw.Connection, path: Path) -> int:
    if connection.table_exists("main", "meta"):
        row = SqliteTransaction(connection, queries.load()).one("meta_value", key=migrate.VERSION_KEY)
        return int(row["value"]) if row else 0
    if connection.pragma("schema_version"):
        raise StoreRefused(f"{path} is a SQLite database, but not one of Callboard.")
    return 0


def _run_step(connection: apsw.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for _ in connection.execute(step.sql):
            pass
        transaction = SqliteTransaction(connection, queries.load())
        transaction.run("set_meta_value", key=migrate.VERSION_KEY, value=str(step.number))
        connection.execute("COMMIT")
    except (apsw.Error, Unavailable) as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        cause = translate(error) if isinstance(error, apsw.Error) else error
        if isinstance(cause, Unavailable) and cause.code == DISK_FULL:
            raise cause from error
        raise StoreRefused(f"The migration {step.name} failed: {error}") from error
