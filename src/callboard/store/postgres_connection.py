"""One PostgreSQL connection with our settings, and transactions over named queries on it. Knows no threads."""

import threading
from collections.abc import Callable
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

from callboard.domain.errors import DISK_FULL, Unavailable
from callboard.store.database import ConstraintFailed, Row
from callboard.store.hints import Hint
from callboard.store.postgres_refusals import checked, why_not_connected
from callboard.store.queries import Queries, Query

CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 30
LOCK_SECONDS: Final = 10
PREPARED_STATEMENTS: Final = 512
FLEET_LOCK: Final = 0x63616C6C0001
"""Our names for advisory locks, which are numbers: 'call' and a number."""

_SETTINGS: Final = {
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
    "timezone": "UTC",
    # Our statements are small: compiling one takes longer than running it.
    "jit": "off",
}
_UNLESS_SAID: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": STATEMENT_SECONDS * 1000,
}
"""A server that vanished without a word is noticed; nothing waits for it for ever. The URL may say otherwise."""

BEGIN_WRITE: Final = "BEGIN; SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
BEGIN_READ: Final = BEGIN_WRITE.replace("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", 1)
"""Opens a transaction and asks for the time in one journey."""
OWN_ROW: Final = "insert_session"
"""Nobody else sees the session before the commit: it needs no lock."""


_TOO_SLOW: Final = (errors.QueryCanceled, errors.LockNotAvailable, errors.IdleInTransactionSessionTimeout)
_LOST_RACE: Final = (errors.SerializationFailure, errors.DeadlockDetected)
_PASSING: Final = (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction)
"""What may end without a change of ours: the server's trouble or the network's, not a defect of a query."""


def with_new_plans(begin: str) -> str:
    """The opening of a transaction that also forgets the plans of the connection's statements."""
    return begin.replace("; ", "; DISCARD PLANS; ", 1)


class TryAgain(Exception):
    """The transaction is undone by no fault of its work, which may be done again; `cause` is for callers."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class LogUnsettled(Exception):
    """A work on a snapshot reads the end of the log, which has to be asked for before the snapshot is taken."""


class _Integer(Int8Dumper):
    """Every number is a BIGINT, whatever its size, so that a statement is prepared once; True is 1."""

    def dump(self, obj: Any) -> Any:
        return super().dump(int(obj))


class _Text(StrDumper):
    """Every text says that it is one, so that nothing about a statement is guessed."""


def connect(conninfo: str, transaction_offset: int = 0) -> psycopg.Connection:
    """An open connection that begins and ends transactions only when told. StoreRefused, Unavailable, psycopg.Error.

    The offset is added to the server's transaction ids wherever they order the log.
    """
    said = checked(conninfo)
    unsaid = {name: value for name, value in _UNLESS_SAID.items() if name not in said}
    try:
        # By this name coordinators are counted before a migration; a URL cannot give them another.
        connection = psycopg.connect(conninfo, autocommit=True, application_name="callboard", **unsaid)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise why_not_connected(error) from error
    values = _SETTINGS | {"callboard.transaction_offset": str(transaction_offset)}
    settings = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in values.items())
    connection.execute(f"SELECT {settings}".encode())
    connection.prepared_max = PREPARED_STATEMENTS
    connection.adapters.register_dumper(int, _Integer)
    connection.adapters.register_dumper(bool, _Integer)
    connection.adapters.register_dumper(str, _Text)
    return connection


def translate(error: psycopg.Error) -> Exception:
    """The error that callers know: ConstraintFailed, Unavailable, or the driver's own when it is a defect."""
    if isinstance(error, psycopg.IntegrityError):
        return ConstraintFailed(str(error))
    if isinstance(error, _TOO_SLOW):
        return Unavailable("The database took too long and was interrupted.", code="store_timeout")
    if isinstance(error, errors.DiskFull):
        return Unavailable(
            "The disk of the database is full.", code=DISK_FULL, hint="Free some space; nothing was lost."
        )
    if isinstance(error, _LOST_RACE):
        return Unavailable("Too many want the same at once; try again shortly.")
    if isinstance(error, _PASSING):
        return Unavailable(f"The database cannot do this now: {first_line(error)}")
    return error


def first_line(error: Exception) -> str:
    """What the server said, without the place in the statement."""
    return str(error).strip().partition("\n")[0]


def may_try_again(error: psycopg.Error, connection: psycopg.Connection) -> bool:
    """Whether the work may be done again: a lost race, or a connection that went before the commit was sent."""
    if isinstance(error, (*_LOST_RACE, errors.UniqueViolation)):
        return True
    return connection.broken or connection.closed or isinstance(error, errors.ReadOnlySqlTransaction)


class PostgresTransaction:
    """Named queries on one connection; the thread that owns it begins and ends the transactions."""

    def __init__(self, connection: psycopg.Connection, queries: Queries, observe: Callable[[int], int]) -> None:
        """`observe` hears the server's time and returns what works are told."""
        self._observe = observe
        self._cursor = connection.cursor()
        self._queries = queries
        self._statements: dict[str, bytes] = {}
        self._columns: dict[str, tuple[str, ...]] = {}
        self._locked: set[str] = set()
        self._log_queries = {name for name, query in queries.items() if "settled" in query.parameters}
        self.now_ms = 0
        self.hints: list[Hint] = []

    def begun(self, server_ms: int) -> None:
        """A new transaction begins, at this time of the server."""
        self.now_ms = self._observe(server_ms)
        self.hints = []
        self._locked.clear()

    def one(self, query: str, **parameters: Any) -> Row | None:
        """The first row, or None."""
        self._execute(query, parameters)
        row = self._cursor.fetchone()
        return None if row is None else dict(zip(self._columns_of(query), row, strict=True))

    def all(self, query: str, **parameters: Any) -> list[Row]:
        """Every row."""
        self._execute(query, parameters)
        rows = self._cursor.fetchall()
        columns = self._columns_of(query)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def run(self, query: str, **parameters: Any) -> int:
        """The number of changed rows."""
        self._execute(query, parameters)
        if query == OWN_ROW:
            self._locked.add(parameters["session_id"])
        return self._cursor.rowcount

    def lock_session(self, *session_ids: str) -> None:
        """Locks the rows in the order of their ids, so that two works cannot wait for each other; renews `now_ms`."""
        for session_id in sorted(set(session_ids) - self._locked):
            row = self.one("lock_session", session_id=session_id)
            if row is not None:
                self.now_ms = self._observe(row["server_ms"])
            self._locked.add(session_id)

    def lock_fleet(self) -> None:
        """An advisory lock that ends with the transaction."""
        self._execute("lock_fleet", {"lock": FLEET_LOCK})

    def hint(self, hint: Hint) -> None:
        """Kept for the commit."""
        self.hints.append(hint)

    def _execute(self, query: str, parameters: dict[str, Any]) -> None:
        if query in self._log_queries:
            parameters = parameters | {"settled": self._log_settled()}
        statement = self._statements.get(query)
        if statement is None:
            statement = self._statements[query] = statement_of(self._queries[query])
        self._cursor.execute(statement, parameters, prepare=True)

    def _log_settled(self) -> int:
        """Below which place the log is whole in every later statement: each of them sees what is committed by then."""
        return log_settled(self._cursor.connection)

    def _columns_of(self, query: str) -> tuple[str, ...]:
        columns = self._columns.get(query)
        if columns is None:
            columns = self._columns[query] = tuple(column.name for column in self._cursor.description or ())
        return columns


class Snapshot(PostgresTransaction):
    """A transaction that only looks, at what stood when it began."""

    settled: int | None = None
    """Below which place the log is whole; asked before the transaction began, or not at all."""

    def _log_settled(self) -> int:
        """As it was asked. LogUnsettled."""
        if self.settled is None:
            raise LogUnsettled
        return self.settled

    def hint(self, hint: Hint) -> None:
        """A read has nothing to tell."""
        raise RuntimeError(f"a read gave a hint: {hint}")


def log_settled(connection: psycopg.Connection) -> int:
    """The place below which every snapshot that is taken from now on sees the whole log."""
    row = connection.execute("SELECT log_settled_before()").fetchone()
    return int(row[0]) if row else 0


def statement_of(query: Query) -> bytes:
    """The query with its parameters as the driver writes them."""
    return query.with_parameters("%({})s", escaped="%").encode()


class Cancelling:
    """Ends what a connection is doing, from another thread; asks the server for it without holding up the caller."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def interrupt(self) -> None:
        """The statement that runs fails soon, if the server can still be reached."""
        threading.Thread(target=self._cancel, name="postgres-cancel", daemon=True).start()

    def _cancel(self) -> None:
        try:
            self._connection.cancel_safe(timeout=CONNECT_SECONDS)
        except psycopg.Error:
            # The server's own statement_timeout ends it, or the connection's death does.
            self._connection.cancel()
