"""Brings the schema of a PostgreSQL database up to date: the files for SQLite, translated, one coordinator at a time.

Decides nothing about when: an empty database is filled at once, an older one only when that is allowed.
"""

import contextlib
import re
import secrets
from collections.abc import Callable
from typing import Any, Final

import psycopg
from msgspec import Struct

from callboard.domain.errors import Conflict, Unavailable
from callboard.store import migrate
from callboard.store.database import StoreRefused
from callboard.store.migrate import Migration
from callboard.store.postgres_connection import FLEET_LOCK, LOCK_SECONDS, first_line
from callboard.store.postgres_refusals import NOT_READY, not_allowed

SCHEMA_LOCK: Final = FLEET_LOCK + 1
OFFSET_KEY: Final = "transaction_offset"
CHANNEL_KEY: Final = "pieces_channel"
HOME_KEY: Final = "home"
RESTORED_GAP: Final = 1_000_000_000
"""More transactions than can have come after a dump: whoever has read some of them misses nothing of what follows."""
MIGRATION_WAIT_SECONDS: Final = 600
OLDEST_SERVER: Final = 140_000
_TRANSLATED: Final = (
    # Ids, references and pages are compared by bytes, as SQLite does, whatever the database's own language is.
    (re.compile(r"\bTEXT\b"), 'TEXT COLLATE "C"'),
    (re.compile(r"\bINTEGER PRIMARY KEY AUTOINCREMENT\b"), "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
)
_COORDINATORS: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'callboard' AND pid <> pg_backend_pid()
"""
_TABLE_WITHOUT_RIGHTS: Final = """
    SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
        AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
            AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))
    ORDER BY relname LIMIT 1
"""

Say = Callable[[str], None]


def _say_nothing(sentence: str) -> None:
    """There is nobody who would read it."""
    del sentence


class Schema(Struct, frozen=True):
    """The version that a database's schema had, and the one that it has or would have; 0 is an empty database."""

    before: int
    after: int

    @property
    def is_current(self) -> bool:
        """Whether nothing has to be changed."""
        return self.before == self.after


def bring_up(connection: psycopg.Connection, *, allow_changes: bool, say: Say = _say_nothing) -> Schema:
    """Runs the migrations that are missing, all in one transaction. StoreRefused, Conflict, Unavailable.

    With `allow_changes` false only an empty database gets its schema; one of an older version is refused. Who may
    change it waits long for another that does, and says so, and finds nobody else at work.
    """
    check_server(connection)
    steps = migrate.load()
    with connection.transaction():
        _wait_for_others(connection, MIGRATION_WAIT_SECONDS if allow_changes else LOCK_SECONDS, say)
        version = version_of(connection)
        missing = migrate.missing(version, steps)
        if version and missing and not allow_changes:
            raise StoreRefused(
                f"The database has schema version {version}, this Callboard needs {steps[-1].number}.",
                hint="Make a backup (`callboard backup` names the command), stop every coordinator, "
                "and run with the same settings: callboard migrate",
            )
        if version and missing:
            _refuse_coordinators(connection)
        for step in missing:
            _run_step(connection, step)
    return Schema(version, steps[-1].number)


def schema_of(connection: psycopg.Connection) -> Schema:
    """The schema as it is and as this version needs it; changes nothing. StoreRefused."""
    check_server(connection)
    steps = migrate.load()
    version = version_of(connection)
    migrate.missing(version, steps)
    return Schema(version, steps[-1].number)


def version_of(connection: psycopg.Connection) -> int:
    """The version of the schema, 0 for an empty database. StoreRefused when it is somebody else's."""
    if _value(connection, "SELECT current_schema()") is None:
        raise not_allowed("no schema of the search path is there, or may be used")
    if _value(connection, "SELECT to_regclass('meta')") is not None:
        return _version_in_meta(connection)
    if _value(connection, "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"):
        raise _foreign()
    return 0


def _version_in_meta(connection: psycopg.Connection) -> int:
    try:
        with connection.transaction():
            version = _kept(connection, migrate.VERSION_KEY)
        return int(version or "")
    except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction, ValueError):
        raise _foreign() from None


def transaction_offset(connection: psycopg.Connection) -> int:
    """What is added to the server's transaction ids so that they lie above all that the log's readers have seen.

    A restored dump brings the ids of another server, and its readers may have seen what came after the dump. The log
    must not be written by anybody who has not asked this.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
        kept = _kept(connection, OFFSET_KEY)
        offset = int(kept) if kept else 0
        home, was_home = _home(connection), _kept(connection, HOME_KEY)
        seen = _value(connection, "SELECT coalesce(max(transaction_id), 0) FROM event_batches")
        now = _value(connection, "SELECT pg_current_xact_id()::TEXT::BIGINT")
        if seen >= now + offset or was_home not in (home, None):
            offset = max(offset, seen - now) + RESTORED_GAP
            _keep(connection, OFFSET_KEY, str(offset))
        if was_home != home:
            _keep(connection, HOME_KEY, home)
        return offset


def pieces_channel(connection: psycopg.Connection) -> str:
    """The name of the channel on which coordinators pass on pieces of messages, the same for all of them.

    Whoever may connect to a database may listen there on any channel that he can name: this one stands only in a table.
    """
    made = f"callboard_{secrets.token_hex(16)}"
    connection.execute("INSERT INTO meta (key, value) VALUES (%s, %s) ON CONFLICT DO NOTHING", [CHANNEL_KEY, made])
    return _kept(connection, CHANNEL_KEY) or made


def _home(connection: psycopg.Connection) -> str:
    """What no restored copy has in common with its original: the server's own number and the database's."""
    allowed = _value(connection, "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')")
    server = _value(connection, "SELECT system_identifier FROM pg_control_system()") if allowed else 0
    database = _value(connection, "SELECT oid FROM pg_database WHERE datname = current_database()")
    return f"{server}.{database}"


def check_rights(connection: psycopg.Connection) -> None:
    """StoreRefused when the role may not do with our tables what a coordinator does."""
    table = _value(connection, _TABLE_WITHOUT_RIGHTS)
    if table is not None:
        raise not_allowed(f"it may not read and change the table {table}")


def translated(sql: str) -> str:
    """A migration as PostgreSQL takes it."""
    for pattern, replacement in _TRANSLATED:
        sql = pattern.sub(replacement, sql)
    return sql


def check_server(connection: psycopg.Connection) -> None:
    """StoreRefused when the server or the database is of a kind that cannot be used; Unavailable for a standby."""
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise StoreRefused(f"PostgreSQL {version // 10_000} is too old.", hint="Use PostgreSQL 14 or newer.")
    if _value(connection, "SELECT pg_is_in_recovery()"):
        raise Unavailable(
            "The server is a standby, which only reads.",
            code=NOT_READY,
            hint="Name all servers in the URL: postgresql://USER@HOST1,HOST2/NAME?target_session_attrs=read-write",
        )
    if _value(connection, "SELECT current_setting('transaction_read_only')") == "on":
        raise not_allowed("its transactions only read (default_transaction_read_only)")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreRefused(
            f"The database's encoding is {encoding}.",
            hint="Make one with: createdb --encoding=UTF8 --template=template0",
        )


def _wait_for_others(connection: psycopg.Connection, seconds: int, say: Say) -> None:
    """Takes the lock of whoever changes the schema. Unavailable when another does not give it back in time."""
    _set(connection, "lock_timeout", f"{seconds}s")
    if seconds == MIGRATION_WAIT_SECONDS:
        _set(connection, "statement_timeout", "0")
        # When whoever asked for it is killed, it is undone soon; some systems cannot notice that.
        with contextlib.suppress(psycopg.errors.InvalidParameterValue), connection.transaction():
            _set(connection, "client_connection_check_interval", "1s")
    if _value(connection, f"SELECT pg_try_advisory_xact_lock({SCHEMA_LOCK})"):
        return
    say("Another process changes the schema of this database; waiting until it is done.")
    try:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
    except psycopg.errors.LockNotAvailable as error:
        raise Unavailable(
            f"Another process has been changing the schema of this database for {seconds} s.",
            code=NOT_READY,
            hint="Wait until it is done.",
        ) from error


def _set(connection: psycopg.Connection, name: str, value: str) -> None:
    """Until the end of the transaction."""
    connection.execute("SELECT set_config(%s, %s, true)", [name, value])


def _refuse_coordinators(connection: psycopg.Connection) -> None:
    """Conflict while coordinators have connections: they would go on with a schema that they do not know."""
    count = _value(connection, _COORDINATORS)
    if count:
        raise Conflict(
            f"Coordinators use the database: {count} connections are open.",
            code="database_in_use",
            hint="Stop every coordinator on this database, then run this again; nothing was changed.",
        )


def _run_step(connection: psycopg.Connection, step: Migration) -> None:
    try:
        connection.execute(translated(step.sql).encode())
        if step.postgresql:
            connection.execute(step.postgresql.encode())
        _keep(connection, migrate.VERSION_KEY, str(step.number))
    except psycopg.errors.InsufficientPrivilege as error:
        raise not_allowed(first_line(error)) from error
    except psycopg.Error as error:
        if connection.broken:
            raise
        raise StoreRefused(
            f"The migration {step.name} failed: {first_line(error)}", hint="Nothing was changed; all of it was undone."
        ) from error


def _foreign() -> StoreRefused:
    return StoreRefused(
        "The database holds tables that are not Callboard's.",
        hint="Give Callboard a database of its own: createdb --encoding=UTF8 --template=template0 NAME",
    )


def _kept(connection: psycopg.Connection, key: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE key = %s", [key]).fetchone()
    return str(row[0]) if row else None


def _keep(connection: psycopg.Connection, key: str, value: str) -> None:
    connection.execute(
        "INSERT INTO meta (key, value) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )


def _value(connection: psycopg.Connection, statement: str) -> Any:
    row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None
