"""The databases that the store's tests run on. The only place in them that knows which database it is."""

import re
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

from callboard.store import queries
from callboard.store.backup import copy_database, problems_of
from callboard.store.clock import Clock
from callboard.store.database import Database, Transaction
from callboard.store.postgres import WRITERS, open_postgres
from callboard.store.postgres_connection import PostgresTransaction
from callboard.store.sqlite import open_sqlite
from callboard.store.sqlite_connection import SqliteTransaction
from tests.support import postgres
from tests.support.database import KINDS

__all__ = ["KINDS", "Harness", "make"]


class Harness(Protocol):
    """One database of some kind, and what tests do to it from outside."""

    writers: int
    """How many works it does at once."""

    async def open(self, *, clock: Clock | None = None, timeout_seconds: float = 30) -> Database:
        """Open it, again if need be."""

    def endless_statement(self, tx: Transaction) -> None:
        """Run a statement that ends only when it is interrupted."""

    def fill_disk(self, tx: Transaction) -> None:
        """Leave no room for another page, as far as this writer sees."""

    def free_disk(self, tx: Transaction) -> None:
        """Give the room back."""

    def plan(self, tx: Transaction, query: str) -> list[str]:
        """Return the steps that the database plans for a named query."""

    def copy(self, target: Path) -> None:
        """Make a backup while the database is used."""

    def problems(self) -> list[str]:
        """Return what is damaged."""

    def problems_of_copy(self, copy: Path) -> list[str]:
        """Return what is damaged in a backup."""


class SqliteHarness:
    """A file in a directory of its own."""

    writers = 1

    def __init__(self, directory: Path) -> None:
        self.path = directory / "callboard.db"

    async def open(self, *, clock: Clock | None = None, timeout_seconds: float = 30) -> Database:
        """Open the file."""
        return await open_sqlite(self.path, clock=clock, timeout_seconds=timeout_seconds)

    def endless_statement(self, tx: Transaction) -> None:
        """Count for ever."""
        _execute(tx, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")

    def fill_disk(self, tx: Transaction) -> None:
        """Let the file grow no further."""
        _execute(tx, f"PRAGMA max_page_count = {_execute(tx, 'PRAGMA page_count')[0][0]}")

    def free_disk(self, tx: Transaction) -> None:
        """Let the file grow again."""
        _execute(tx, "PRAGMA max_page_count = 1000000")

    def plan(self, tx: Transaction, query: str) -> list[str]:
        """Ask SQLite for its plan."""
        found = queries.load()[query]
        return [row[3] for row in _execute(tx, f"EXPLAIN QUERY PLAN {found.sql}", dict.fromkeys(found.parameters))]

    def copy(self, target: Path) -> None:
        """Copy the file while it is written to."""
        copy_database(self.path, target)

    def problems(self) -> list[str]:
        """Check every page, index and reference."""
        return problems_of(self.path)

    def problems_of_copy(self, copy: Path) -> list[str]:
        """The same for another file."""
        return problems_of(copy)


class PostgresHarness:
    """A database on the server of this test run, the same for everybody who names the same directory."""

    writers = WRITERS

    def __init__(self, directory: Path) -> None:
        self._file = directory / "database-url"
        if not self._file.exists():
            self._file.write_text(postgres.new_database(), encoding="utf-8")
        self.url = self._file.read_text(encoding="utf-8")

    async def open(self, *, clock: Clock | None = None, timeout_seconds: float = 30) -> Database:
        """Connect."""
        return await open_postgres(self.url, clock=clock, timeout_seconds=timeout_seconds)

    def endless_statement(self, tx: Transaction) -> None:
        """Wait for an hour."""
        _execute_on_server(tx, "SELECT pg_sleep(3600)")

    def fill_disk(self, tx: Transaction) -> None:
        """Let the server say of every new batch of events what it says when it finds no room for it."""
        _execute_on_server(tx, _NO_ROOM)

    def free_disk(self, tx: Transaction) -> None:
        """Let it store them again."""
        _execute_on_server(tx, "DROP TRIGGER no_room ON event_batches")

    def plan(self, tx: Transaction, query: str) -> list[str]:
        """Ask the server for a plan that holds for all values, and that reads no table whole if it can help it."""
        found = queries.load("postgresql")[query]
        numbers = {name: f"${number}" for number, name in enumerate(sorted(found.parameters), 1)}
        statement = _PARAMETER.sub(lambda name: numbers[name[1]], found.sql)
        _execute_on_server(tx, "SET LOCAL enable_seqscan = off")
        return [row[0].strip() for row in _execute_on_server(tx, f"EXPLAIN (GENERIC_PLAN) {statement}")]

    def copy(self, target: Path) -> None:
        """Dump the database while it is written to."""
        subprocess.run([postgres.program("pg_dump"), "--file", target, self.url], check=True)

    def problems(self) -> list[str]:
        """Read every row of every table whole."""
        return postgres.damage(self.url)

    def problems_of_copy(self, copy: Path) -> list[str]:
        """Restore the dump, stopping at the first error."""
        restored = postgres.empty_database()
        psql = (postgres.program("psql"), "--quiet", "--set=ON_ERROR_STOP=1", f"--file={copy}", restored)
        done = subprocess.run(psql, check=False, capture_output=True, text=True)
        postgres.drop_database(restored)
        return done.stderr.splitlines()


_PARAMETER = re.compile(r"(?<![:\w]):([a-z][a-z0-9_]*)")
_NO_ROOM = """
    CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER no_room BEFORE INSERT ON event_batches EXECUTE FUNCTION no_room()
"""


def make(kind: str, directory: Path) -> Harness:
    """Return an empty database of a kind."""
    return SqliteHarness(directory) if kind == "sqlite" else PostgresHarness(directory)


def new_session(tx: Transaction) -> str:
    """Insert a session and return its id."""
    session_id = f"ses_{uuid.uuid4().hex[:26]}"
    _insert(
        tx,
        "insert_session",
        session_id=session_id,
        root_session_id=session_id,
        depth=0,
        created_by="a test",
        context="persistent",
        external=0,
        portable=0,
        labels="{}",
        status="pending",
        queued_runs=0,
        run_count=1,
        now=tx.now_ms,
    )
    return session_id


def new_attempt(tx: Transaction) -> tuple[str, str]:
    """Insert a session whose run is claimed for the first time; return the ids of both."""
    session_id = new_session(tx)
    run_id = session_id.replace("ses", "run")
    _insert(
        tx,
        "insert_run",
        run_id=run_id,
        session_id=session_id,
        number=1,
        type="start_session",
        trigger="user",
        executor_type="scripted",
        demands="{}",
        demand_class="any",
        execution_mode="sync",
        priority=0,
        limits="{}",
        on_lost="wait",
        repeatable=0,
        from_log=0,
        created_by="a test",
        queue_key=tx.now_ms,
        no_match_ms=1,
        created_at=tx.now_ms,
    )
    claim = {"runner_id": "a runner", "epoch": 1, "demand_class": "any", "lease_expires_at": tx.now_ms + 30_000}
    assert _insert(tx, "claim_run", run_id=run_id, now=tx.now_ms, **claim) == 1
    return session_id, run_id


def remember(key: str, value: str = "") -> Callable[[Transaction], int]:
    """Return a work that writes one small row, which `recall` reads."""
    return lambda tx: tx.run("set_meta_value", key=key, value=value)


def recall(key: str) -> Callable[[Transaction], str | None]:
    """Return a work that reads the value of a small row."""

    def work(tx: Transaction) -> str | None:
        row = tx.one("meta_value", key=key)
        return row["value"] if row else None

    return work


def _insert(tx: Transaction, query: str, **values: Any) -> int:
    """Run a query of another room; parameters that it has and we do not care about are null."""
    return tx.run(query, **(dict.fromkeys(queries.load()[query].parameters) | values))


def _execute_on_server(tx: Transaction, statement: str) -> list[Any]:
    cursor = cast(PostgresTransaction, tx)._cursor
    cursor.execute(statement.encode())
    return cursor.fetchall() if cursor.description else []


def _execute(tx: Transaction, statement: str, parameters: dict[str, Any] | None = None) -> list[Any]:
    return cast(SqliteTransaction, tx)._connection.execute(statement, parameters).fetchall()
