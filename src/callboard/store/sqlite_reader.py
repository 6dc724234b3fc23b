"""The threads that read: each work sees one snapshot and can change nothing. Knows no services and no event loop."""

import threading
from typing import Any

import apsw
import structlog

from callboard.store.calls import Call, Lane
from callboard.store.clock import Clock
from callboard.store.database import Work
from callboard.store.hints import Hint
from callboard.store.queries import Queries
from callboard.store.sqlite_connection import SqliteTransaction, translate

log = structlog.get_logger(__name__)


class Snapshot(SqliteTransaction):
    """A transaction that only looks."""

    def hint(self, hint: Hint) -> None:
        """A read has nothing to tell."""
        raise RuntimeError(f"a read gave a hint: {hint}")


class SqliteReader:
    """One thread of the readers; owns its connection."""

    def __init__(self, connection: apsw.Connection, queries: Queries, clock: Clock, lane: Lane, number: int) -> None:
        self._connection = connection
        self._snapshot = Snapshot(connection, queries)
        self._clock = clock
        self._lane = lane
        self.thread = threading.Thread(target=self._run, name=f"sqlite-reader-{number}", daemon=True)

    def _run(self) -> None:
        while (call := self._lane.take()) is not None:
            if call.work is not None and not call.given_up:
                self._read(call, call.work)
            self._lane.answer([call], [])
        self._connection.close()

    def _read(self, call: Call, work: Work[Any]) -> None:
        call.connection = self._connection
        try:
            call.result = self._on_snapshot(work)
        except apsw.Error as error:
            call.error = translate(error)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller, not to this thread
            call.error = error
        finally:
            call.connection = None

    def _on_snapshot(self, work: Work[Any]) -> Any:
        self._connection.execute("BEGIN")
        try:
            self._snapshot.now_ms = self._clock.now_ms()
            return work(self._snapshot)
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
