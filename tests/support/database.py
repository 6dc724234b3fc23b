"""The databases that tests run on: a place for a coordinator's, and looking into it beside the coordinator.

A place is what `serve --database` takes: a URL, or nothing for SQLite in the data directory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import apsw
import psycopg
import pytest
from psycopg import sql

from tests.support import postgres

KINDS: Final = ("sqlite", "postgresql")
FAST_ON_SQLITE: Final = (KINDS[0], *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[1:]))
"""The same as parameters of a fixture whose tests `make check` runs on SQLite alone."""
sqlite_only: Final = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
"""For a test that is about the file, or that names no coordinator's database at all."""
postgresql_only: Final = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
"""For a test that is dear, and whose promise is shown on SQLite elsewhere, or is easier kept there."""
on_both_databases: Final = pytest.mark.parametrize("database_kind", KINDS, indirect=True)
"""For a test in a room whose tests run on SQLite unless they say otherwise."""
_TABLES: Final = {
    "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}
_NAMES: Final = {
    "sqlite": "SELECT coalesce(sql, name) FROM sqlite_schema",
    "postgresql": """
        SELECT table_name || ' ' || column_name FROM information_schema.columns WHERE table_schema = current_schema()
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
        UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = current_schema()::regnamespace
    """,
}


class HasDatabase(Protocol):
    """A coordinator of some room of the tests."""

    database: str
    """The URL that it was given; empty for SQLite in the data directory."""

    @property
    def data_dir(self) -> Path: ...


@contextmanager
def settings_for(kind: str) -> Iterator[dict[str, str]]:
    """What a coordinator is told so that it has a new database of this kind, which goes away in the end."""
    if kind == "sqlite":
        yield {}
        return
    with postgres.database() as url:
        yield {"database": url}


def query(coordinator: HasDatabase, statement: str) -> list[tuple[Any, ...]]:
    """The rows of a query on the coordinator's database; nothing is changed."""
    if coordinator.database:
        options = "-c default_transaction_read_only=on"
        with psycopg.connect(coordinator.database, options=options, connect_timeout=10) as server:
            return server.execute(statement.encode()).fetchall()
    connection = apsw.Connection(str(coordinator.data_dir / "callboard.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(10_000)
        return [tuple(row) for row in connection.execute(statement)]
    finally:
        connection.close()


def change(coordinator: HasDatabase, *statements: str) -> None:
    """Change something below a coordinator that works: what it would never do itself."""
    if coordinator.database:
        with psycopg.connect(coordinator.database, autocommit=True, connect_timeout=10) as server:
            for statement in statements:
                server.execute(statement.encode())
        return
    connection = apsw.Connection(str(coordinator.data_dir / "callboard.db"))
    try:
        connection.set_busy_timeout(10_000)
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()


def row_counts(coordinator: HasDatabase) -> dict[str, int]:
    """How many rows each table has, but for those that only remember requests."""
    tables = [row[0] for row in query(coordinator, _TABLES[_kind(coordinator)])]
    return {name: query(coordinator, f'SELECT count(*) FROM "{name}"')[0][0] for name in tables}  # noqa: S608


def words_of_schema(coordinator: HasDatabase) -> list[str]:
    """The names of all tables and columns, and what constraints and indexes say."""
    return [row[0] for row in query(coordinator, _NAMES[_kind(coordinator)])]


def stored_bytes(coordinator: HasDatabase) -> bytes:
    """Everything that the database keeps, as it lies there."""
    if not coordinator.database:
        return b"".join(path.read_bytes() for path in coordinator.data_dir.glob("callboard.db*"))
    tables = [row[0] for row in query(coordinator, _TABLES["postgresql"])]
    with psycopg.connect(coordinator.database) as server, server.cursor() as cursor:
        pieces = []
        for table in tables:
            with cursor.copy(sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(table))) as rows:
                pieces += [bytes(piece) for piece in rows]
    return b"".join(pieces)


def damage(coordinator: HasDatabase) -> list[str]:
    """What is broken in a database that no coordinator uses now."""
    if coordinator.database:
        return postgres.damage(coordinator.database)
    connection = apsw.Connection(str(coordinator.data_dir / "callboard.db"))
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    finally:
        connection.close()
    return [] if found == ["ok"] else found


def _kind(coordinator: HasDatabase) -> str:
    return "postgresql" if coordinator.database else "sqlite"
