"""The store over PostgreSQL: a few threads that write and a few that read, each with a connection of its own.

Knows no tables. Several coordinators may use one database.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from callboard.store import queries
from callboard.store.calls import Lane
from callboard.store.clock import Clock, PostgresClock
from callboard.store.database import Listener, PieceChannel, T, Work
from callboard.store.hints import Hint
from callboard.store.postgres_connection import STATEMENT_SECONDS, connect, first_line, translate
from callboard.store.postgres_migrate import (
    Schema,
    bring_up,
    check_rights,
    pieces_channel,
    schema_of,
    transaction_offset,
)
from callboard.store.postgres_refusals import not_allowed, why_lost
from callboard.store.postgres_relay import Relay
from callboard.store.postgres_worker import Place, PostgresWorker

CHECK_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 10.0
TIMEOUT_SECONDS: Final = float(STATEMENT_SECONDS)
WRITERS: Final = 8
READERS: Final = 4


class PostgresDatabase:
    """A database on a server, used by any number of processes. Made by open_postgres on the event loop that uses it."""

    def __init__(self, place: Place, clock: Clock, observe: Callable[[int], int], timeout_seconds: float) -> None:
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._writes = Lane(timeout_seconds)
        self._reads = Lane(timeout_seconds)
        named = queries.load("postgresql")
        shared = (place, named, observe)
        self._writing = [
            PostgresWorker(*shared, self._writes, f"postgres-writer-{number}", self._tell).thread
            for number in range(1, WRITERS + 1)
        ]
        self._reading = [
            PostgresWorker(*shared, self._reads, f"postgres-reader-{number}", None).thread
            for number in range(1, READERS + 1)
        ]
        self._relay = Relay(place, named, lambda hints: self._writes.answer([], hints))
        for thread in (*self._writing, *self._reading, *self._relay.threads):
            thread.start()

    @property
    def clock(self) -> Clock:
        """The server's time, as the latest transaction saw it plus monotonic time since."""
        return self._clock

    @property
    def one_writer(self) -> bool:
        """Others write meanwhile."""
        return False

    @property
    def pieces(self) -> PieceChannel:
        """To all coordinators of the database."""
        return self._relay.pieces

    async def write(self, work: Work[T]) -> T:
        """The work's result after its commit; it may be done several times until it stands."""
        return await self._writes.call(work)

    async def read(self, work: Work[T]) -> T:
        """The work's result on a snapshot."""
        return await self._reads.call(work)

    def subscribe(self, listener: Listener) -> None:
        """Calls the listener with the hints of each commit, and with those of other coordinators."""
        self._writes.subscribe(listener)

    async def now_ms(self) -> int:
        """The server's time in Unix milliseconds, without asking it."""
        return self._clock.now_ms()

    async def check(self) -> None:
        """Begins and ends a transaction of either kind. Unavailable."""
        seconds = min(CHECK_SECONDS, self._timeout_seconds)
        await self._reads.call(lambda transaction: transaction.one("ping"), seconds)
        await self._writes.call(None, seconds)
        await self._writes.check_room(seconds)

    async def close(self) -> None:
        """Finishes what waits; a thread that hangs is left behind after a few seconds. Harmless when repeated."""
        seconds = min(CLOSE_SECONDS, self._timeout_seconds)
        self._reads.close(len(self._reading))
        self._writes.close(len(self._writing))
        await asyncio.to_thread(_join, [*self._reading, *self._writing], seconds)
        self._relay.close()
        await asyncio.to_thread(_join, self._relay.threads, seconds)

    def _tell(self, hints: list[Hint]) -> None:
        """For writers: what other coordinators should hear."""
        self._relay.tell(hints)


def _join(threads: list[threading.Thread], seconds: float) -> None:
    """Waits for threads to end, all together no longer than this."""
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


async def open_postgres(
    conninfo: str, *, clock: Clock | None = None, timeout_seconds: float = TIMEOUT_SECONDS
) -> PostgresDatabase:
    """The database of this URL; an empty one gets its schema. A given clock stands for the server's.

    StoreRefused, Unavailable.
    """
    own = PostgresClock()
    place = await asyncio.to_thread(_open, conninfo, own)
    if clock is None:
        return PostgresDatabase(place, own, own.observe, timeout_seconds)
    return PostgresDatabase(place, clock, lambda _: clock.now_ms(), timeout_seconds)


def migrate_postgres(conninfo: str, say: Callable[[str], None]) -> Schema:
    """Runs the migrations that a database needs. `say` hears what it waits for.

    StoreRefused, Unavailable, Conflict `database_in_use` while coordinators have connections.
    """
    with _looking(conninfo, "callboard migrate") as connection:
        return bring_up(connection, allow_changes=True, say=say)


def postgres_schema(conninfo: str) -> Schema:
    """The schema of a database, and the one that it should have; changes nothing. StoreRefused, Unavailable."""
    with _looking(conninfo, "callboard migrate") as connection:
        return schema_of(connection)


def _open(conninfo: str, clock: PostgresClock) -> Place:
    """Looks at the schema, the rights and the clock."""
    with _looking(conninfo, "callboard start") as connection:
        bring_up(connection, allow_changes=False)
        check_rights(connection)
        offset = transaction_offset(connection)
        row = connection.execute("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)").fetchone()
        clock.observe(int(row[0]) if row else 0)
        return Place(conninfo, offset, pieces_channel(connection))


@contextmanager
def _looking(conninfo: str, name: str) -> Iterator[psycopg.Connection]:
    """A connection that is not counted among those of coordinators; errors as callers know them."""
    with as_known(), connect(conninfo) as connection:
        connection.execute("SELECT set_config('application_name', %s, false)", [name])
        yield connection


@contextmanager
def as_known() -> Iterator[None]:
    """Inside, the driver's errors become those that callers of a start know. StoreRefused, Unavailable."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise not_allowed(first_line(error)) from error
    except psycopg.OperationalError as error:
        raise why_lost(error) from error
    except psycopg.Error as error:
        raise translate(error) from error
