"""The thread that writes: everything that waits goes into one transaction, each work in its own savepoint.

Answers only after the commit. Knows no services and no event loop.
"""

import threading
import time
from typing import Final

import apsw
import structlog

from callboard.store.calls import Call, Lane
from callboard.store.clock import Clock
from callboard.store.queries import Queries
from callboard.store.sqlite_connection import SqliteTransaction, translate

MAX_GROUP: Final = 512
MAX_GROUP_SECONDS: Final = 0.05
CHECKPOINT_PAGES: Final = 2_000
"""From here on the log is copied into the database whenever nothing waits."""
FORCED_CHECKPOINT_PAGES: Final = 8_000
"""From here on it is copied although work waits."""

log = structlog.get_logger(__name__)


class GroupLost(Exception):
    """The whole transaction of a group is undone; `cause` says why."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class SqliteWriter:
    """The one writer of a database; owns its connection."""

    def __init__(self, connection: apsw.Connection, queries: Queries, clock: Clock, lane: Lane) -> None:
        self._connection = connection
        self._transaction = SqliteTransaction(connection, queries)
        self._clock = clock
        self._lane = lane
        self._pages = 0
        connection.set_wal_hook(self._on_commit)
        self.thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)

    def _run(self) -> None:
        while (call := self._lane.take()) is not None:
            try:
                self._group(call)
                self._checkpoint()
            except Exception:
                log.exception("the writer failed outside of any work")
        self._connection.close()

    def _group(self, first: Call) -> None:
        """Runs and commits the first call and what waits behind it; answers them all."""
        if first.work is None:
            self._lane.answer([first], [])
            return
        calls = [first]
        try:
            self._commit(calls, more=True)
        except GroupLost as lost:
            log.warning("a group of writes is undone", works=len(calls), error=str(lost.cause))
            if len(calls) == 1:
                self._refuse(first, lost.cause)
            else:
                self._one_by_one(calls)

    def _one_by_one(self, calls: list[Call]) -> None:
        """Each work that was undone because of another gets its own transaction."""
        for call in calls:
            try:
                self._commit([call], more=False)
            except GroupLost as lost:
                self._refuse(call, lost.cause)

    def _refuse(self, call: Call, cause: Exception) -> None:
        call.error = cause
        self._lane.answer([call], [])

    def _commit(self, calls: list[Call], *, more: bool) -> None:
        """One transaction over the calls and, with `more`, those that wait; GroupLost when none of it stands."""
        until = time.monotonic() + MAX_GROUP_SECONDS
        self._transaction.hints = []
        try:
            self._execute("BEGIN IMMEDIATE")
            self._work(calls[0])
            while more and len(calls) < MAX_GROUP and time.monotonic() < until:
                call = self._lane.take_waiting()
                if call is None:
                    break
                calls.append(call)
                self._work(call)
            self._execute("COMMIT")
        except GroupLost:
            self._undo()
            raise
        finally:
            for call in calls:
                call.connection = None
        self._lane.answer(calls, self._transaction.hints)

    def _work(self, call: Call) -> None:
        """Does one call inside the open transaction; an error of the work undoes it alone."""
        call.error = call.result = None
        if call.given_up or call.work is None:
            return
        hints = self._transaction.hints
        told = len(hints)
        call.connection = self._connection
        self._transaction.now_ms = self._clock.now_ms()
        self._execute("SAVEPOINT work")
        try:
            call.result = call.work(self._transaction)
        except Exception as error:
            if not self._connection.in_transaction:
                raise GroupLost(error) from error
            del hints[told:]
            call.error = error
            self._execute("ROLLBACK TO work")
        self._execute("RELEASE work")

    def _execute(self, statement: str) -> None:
        try:
            self._connection.execute(statement)
        except apsw.Error as error:
            raise GroupLost(translate(error)) from error

    def _undo(self) -> None:
        """Ends a lost transaction; one that SQLite has ended by itself is left alone."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error as error:
            log.warning("a lost transaction could not be ended", error=str(error))

    def _on_commit(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        """Copies the log into the database after the answers are out, best when nobody waits."""
        if self._pages < (CHECKPOINT_PAGES if self._lane.is_empty() else FORCED_CHECKPOINT_PAGES):
            return
        self._pages = 0
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            log.warning("the log could not be copied into the database; it is tried again", error=str(error))
