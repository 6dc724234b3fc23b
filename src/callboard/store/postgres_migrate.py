"""Brings the schema of a PostgreSQL database up to date: the files for SQLite, translated, one coordinator at a time.

Decides nothing about when: an empty database is filled at once, an older one only when that is allowed.
"""

import re
from typing import Any, Final

import psycopg

from callboard.store import migrate
from callboard.store.database import StoreRefused
from callboard.store.migrate import Migration
from callboard.store.postgres_connection import FLEET_LOCK, first_line

SCHEMA_LOCK: Final = FLEET_LOCK + 1
OFFSET_KEY: Final = "transaction_offset"
OLDEST_SERVER: Final = 140_000
_TRANSLATED: Final = (
    # Ids, references and pages are compared by bytes, as SQLite does, whatever the database's own language is.
    (re.compile(r"\bTEXT\b"), 'TEXT COLLATE "C"'),
    (re.compile(r"\bINTEGER PRIMARY KEY AUTOINCREMENT\b"), "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
)


def bring_up(connection: psycopg.Connection, *, allow_changes: bool) -> int:
    """Runs the migrations that are missing, all in one transaction; returns how many. StoreRefused.

    With `allow_changes` false only an empty database gets its schema; one of an older version is refused.
    """
    _check_server(connection)
    steps = migrate.load()
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
        version = version_of(connection)
        missing = migrate.missing(version, steps)
        if version and missing and not allow_changes:
            raise StoreRefused(
                f"The database has schema version {version}, this Callboard needs {steps[-1].number}.",
                hint="Make a backup, stop the coordinators, and run: callboard migrate --database URL",
            )
        for step in missing:
            _run_step(connection, step)
    return len(missing)


def version_of(connection: psycopg.Connection) -> int:
    """The version of the schema, 0 for an empty database. StoreRefused when it is somebody else's."""
    if _value(connection, "SELECT to_regclass('meta')") is not None:
        row = connection.execute("SELECT value FROM meta WHERE key = %s", [migrate.VERSION_KEY]).fetchone()
        return int(row[0]) if row else 0
    if _value(connection, "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"):
        raise StoreRefused(
            "The database holds tables that are not Callboard's.", hint="Give Callboard a database of its own."
        )
    return 0


def transaction_offset(connection: psycopg.Connection) -> int:
    """What is added to the server's transaction ids so that they lie above all that the log has seen.

    A restored dump brings the ids of another server. The log must not be written by anybody who has not asked this.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
        kept = connection.execute("SELECT value FROM meta WHERE key = %s", [OFFSET_KEY]).fetchone()
        offset = int(kept[0]) if kept else 0
        seen = _value(connection, "SELECT coalesce(max(transaction_id), 0) FROM event_batches")
        now = _value(connection, "SELECT pg_current_xact_id()::TEXT::BIGINT")
        if seen >= now + offset:
            offset = seen - now + 1
            connection.execute(
                "INSERT INTO meta (key, value) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [OFFSET_KEY, str(offset)],
            )
        return offset


def translated(sql: str) -> str:
    """A migration as PostgreSQL takes it."""
    for pattern, replacement in _TRANSLATED:
        sql = pattern.sub(replacement, sql)
    return sql


def _check_server(connection: psycopg.Connection) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise StoreRefused(f"PostgreSQL {version // 10_000} is too old.", hint="Use PostgreSQL 14 or newer.")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreRefused(
            f"The database's encoding is {encoding}.",
            hint="Make one with: createdb --encoding=UTF8 --template=template0",
        )


def _run_step(connection: psycopg.Connection, step: Migration) -> None:
    try:
        connection.execute(translated(step.sql).encode())
        if step.postgresql:
            connection.execute(step.postgresql.encode())
        connection.execute(
            "INSERT INTO meta (key, value) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [migrate.VERSION_KEY, str(step.number)],
        )
    except psycopg.Error as error:
        raise StoreRefused(f"The migration {step.name} failed: {first_line(error)}") from error


def _value(connection: psycopg.Connection, statement: str) -> Any:
    row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None
