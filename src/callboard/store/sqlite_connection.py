"""One SQLite connection with our settings, and transactions over named queries on it. Knows no threads."""

from pathlib import Path
from typing import Any, Final

import apsw

from callboard.domain.errors import DISK_FULL, Unavailable
from callboard.store.database import ConstraintFailed, Row
from callboard.store.hints import Hint
from callboard.store.queries import Queries

STATEMENT_CACHE: Final = 512
BUSY_SECONDS: Final = 10
WRITER_CACHE_KIB: Final = 32 * 1024
READER_CACHE_KIB: Final = 16 * 1024
KEPT_WAL_BYTES: Final = 64 * 1024 * 1024

_SETTINGS: Final = (
    f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
    # A mapped file would be no faster here, would count as our memory, and turns a disk error into the process's death.
    "PRAGMA mmap_size = 0",
    f"PRAGMA journal_size_limit = {KEPT_WAL_BYTES}",
    "PRAGMA wal_autocheckpoint = 0",
)

_PASSING: Final = (
    apsw.IOError,
    apsw.NoMemError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.ProtocolError,
    apsw.AbortError,
)
"""What may end without a change of ours: the machine's trouble, not a defect of a query."""


def connect(path: Path, *, query_only: bool = False) -> apsw.Connection:
    """An open connection: WAL, durable commits, checked references. Checkpoints are made by hand."""
    connection = apsw.Connection(str(path), statementcachesize=STATEMENT_CACHE)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    # Plans must not depend on bound values: else every join is compiled again at each call (35 of 40 µs).
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for setting in _SETTINGS:
        connection.execute(setting).fetchall()
    connection.pragma("cache_size", -(READER_CACHE_KIB if query_only else WRITER_CACHE_KIB))
    if query_only:
        connection.pragma("query_only", 1)
    return connection


def translate(error: apsw.Error) -> Exception:
    """The error that callers know: ConstraintFailed, Unavailable, or the driver's own when it is a defect."""
    if isinstance(error, apsw.ConstraintError):
        return ConstraintFailed(str(error))
    if isinstance(error, apsw.InterruptError):
        return Unavailable("The database took too long and was interrupted.", code="store_timeout")
    if isinstance(error, apsw.FullError):
        return Unavailable(
            "The disk of the database is full.", code=DISK_FULL, hint="Free some space; nothing was lost."
        )
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return Unavailable("Another process holds the database.", hint="Let only one coordinator use it.")
    if isinstance(error, _PASSING):
        return Unavailable(f"The database cannot do this now: {error}")
    return error


class SqliteTransaction:
    """Named queries on one connection; the thread that owns it begins and ends the transactions."""

    def __init__(self, connection: apsw.Connection, queries: Queries) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._queries = queries
        self._columns: dict[str, tuple[str, ...]] = {}
        self.now_ms = 0
        self.hints: list[Hint] = []

    def one(self, query: str, **parameters: Any) -> Row | None:
        """The first row, or None."""
        rows = self._rows(query, parameters)
        return dict(zip(self._columns[query], rows[0], strict=True)) if rows else None

    def all(self, query: str, **parameters: Any) -> list[Row]:
        """Every row."""
        rows = self._rows(query, parameters)
        if not rows:
            return []
        columns = self._columns[query]
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def run(self, query: str, **parameters: Any) -> int:
        """The number of changed rows."""
        try:
            self._cursor.execute(self._queries[query].sql, parameters).fetchall()
        except apsw.Error as error:
            raise translate(error) from error
        return self._connection.changes()

    def lock_session(self, *session_ids: str) -> None:
        """Nothing: there is one writer."""

    def lock_fleet(self) -> None:
        """Nothing: there is one writer."""

    def hint(self, hint: Hint) -> None:
        """Kept for the commit."""
        self.hints.append(hint)

    def _rows(self, query: str, parameters: dict[str, Any]) -> list[Any]:
        try:
            cursor = self._cursor.execute(self._queries[query].sql, parameters)
            if query in self._columns:
                return cursor.fetchall()
            return self._first_rows(query, cursor)
        except apsw.Error as error:
            raise translate(error) from error

    def _first_rows(self, query: str, cursor: apsw.Cursor) -> list[Any]:
        first = next(cursor, None)
        if first is None:
            return []
        self._columns[query] = tuple(column[0] for column in cursor.get_description())
        return [first, *cursor.fetchall()]
