"""A thread that works on one PostgreSQL connection: a transaction a work, done again when others were in its way.

Knows no services and no event loop.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg
import structlog
from msgspec import Struct

from callboard.domain.errors import Unavailable
from callboard.store.calls import Call, Lane
from callboard.store.database import Work
from callboard.store.hints import Hint
from callboard.store.postgres_connection import (
    BEGIN_READ,
    BEGIN_WRITE,
    Cancelling,
    LogUnsettled,
    PostgresTransaction,
    Snapshot,
    TryAgain,
    connect,
    first_line,
    log_settled,
    may_try_again,
    translate,
    with_new_plans,
)
from callboard.store.queries import Queries

PLAN_SECONDS: Final = 10.0
"""A connection makes its plans anew after this time, which costs milliseconds: one that was made when a table was empty
reads a large one whole, and the server corrects it only when it first counts what is in the table.
"""
TRIES: Final = 4
"""The first, and three more after a lost race or a lost connection."""

Tell = Callable[[list[Hint]], None]

log = structlog.get_logger(__name__)


class Place(Struct, frozen=True):
    """Where connections lead, what is added to the server's transaction ids there, and where pieces are passed on."""

    conninfo: str
    transaction_offset: int
    pieces_channel: str


class PostgresWorker:
    """One thread of the writers or of the readers; owns its connection and makes a new one when it is lost."""

    def __init__(
        self, place: Place, queries: Queries, observe: Callable[[int], int], lane: Lane, name: str, tell: Tell | None
    ) -> None:
        """`tell` hears the hints of each commit; without it the thread only reads.

        `observe` hears the server's time at each beginning and returns what a work is told.
        """
        self._place = place
        self._queries = queries
        self._observe = observe
        self._lane = lane
        self._tell = tell
        self._plan_again_at = 0.0
        self._connection: psycopg.Connection | None = None
        self._transaction: PostgresTransaction | None = None
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        while (call := self._lane.take()) is not None:
            hints: list[Hint] = []
            if not call.given_up:
                hints = self._serve(call)
            self._lane.answer([call], hints)
            if hints and self._tell is not None:
                self._tell(hints)
        self._forget()

    def _serve(self, call: Call) -> list[Hint]:
        """Does a call, if need be several times; its hints when it stands."""
        call.error = None
        try:
            for number in range(1, TRIES + 1):
                try:
                    return self._once(call)
                except TryAgain as lost:
                    if number == TRIES or call.given_up:
                        raise lost.cause from None
        except psycopg.Error as error:
            call.error = translate(error)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller, not to this thread
            call.error = error
        return []

    def _once(self, call: Call) -> list[Hint]:
        connection, transaction = self._ready()
        call.connection = Cancelling(connection)
        try:
            self._begin(connection, transaction)
            if call.work is not None:
                call.result = self._result(connection, transaction, call.work)
            self._commit(connection)
        finally:
            call.connection = None
            if connection.closed or connection.broken:
                self._forget()
        return transaction.hints

    def _result(self, connection: psycopg.Connection, transaction: PostgresTransaction, work: Work[Any]) -> Any:
        try:
            return self._work(connection, transaction, work)
        except LogUnsettled:
            self._begin(connection, transaction, reads_log=True)
            return self._work(connection, transaction, work)

    def _begin(
        self, connection: psycopg.Connection, transaction: PostgresTransaction, *, reads_log: bool = False
    ) -> None:
        try:
            if isinstance(transaction, Snapshot):
                transaction.settled = log_settled(connection) if reads_log else None
            opened = connection.execute(self._opening())
            while opened.nextset():
                continue
            row = opened.fetchone()
        except psycopg.Error as error:
            # Nothing was done yet; a connection that the server closed while it was idle is no reason to fail.
            raise TryAgain(translate(error)) from error
        transaction.begun(row[0] if row else 0)

    def _opening(self) -> str:
        begin = BEGIN_READ if self._tell is None else BEGIN_WRITE
        if time.monotonic() < self._plan_again_at:
            return begin
        self._plan_again_at = time.monotonic() + PLAN_SECONDS
        return with_new_plans(begin)

    def _work(self, connection: psycopg.Connection, transaction: PostgresTransaction, work: Work[Any]) -> Any:
        try:
            return work(transaction)
        except psycopg.Error as error:
            again = may_try_again(error, connection)
            self._undo(connection)
            if again:
                raise TryAgain(translate(error)) from error
            raise
        except BaseException:
            self._undo(connection)
            raise

    def _commit(self, connection: psycopg.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except psycopg.errors.SerializationFailure as error:
            raise TryAgain(translate(error)) from error
        except psycopg.OperationalError as error:
            if self._tell is None:
                # Whoever only looked can look again.
                raise TryAgain(translate(error)) from error
            raise Unavailable(
                f"The connection to the database was lost ({first_line(error)}); what became of this call is not known."
            ) from error

    def _undo(self, connection: psycopg.Connection) -> None:
        """Past psycopg's own rollback, which forgets what is prepared: no work of ours creates what a plan may miss."""
        try:
            ended = connection.pgconn.exec_(b"ROLLBACK").status
        except psycopg.Error as error:
            log.warning("a lost transaction could not be ended", error=first_line(error))
            self._forget()
            return
        if ended != psycopg.pq.ExecStatus.COMMAND_OK:
            log.warning("a lost transaction could not be ended", status=ended)
            self._forget()

    def _ready(self) -> tuple[psycopg.Connection, PostgresTransaction]:
        """The connection, a new one when there is none. Unavailable."""
        if self._connection is None or self._transaction is None:
            self._connection = self._connected()
            kind = Snapshot if self._tell is None else PostgresTransaction
            self._transaction = kind(self._connection, self._queries, self._observe)
        return self._connection, self._transaction

    def _connected(self) -> psycopg.Connection:
        """A new connection. What went wrong tells where the database is: for the log, where the relay says it."""
        try:
            return connect(self._place.conninfo, self._place.transaction_offset)
        except (Unavailable, psycopg.OperationalError) as error:
            raise Unavailable("The database cannot be reached now; try again shortly.") from error

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._transaction = None
