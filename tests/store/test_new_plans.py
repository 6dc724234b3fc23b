"""Plans of PostgreSQL follow the size of the tables, also before the server has counted what is in them."""

import random
from typing import cast

import psycopg
import pytest

from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.new_run import NewRun
from callboard.coordinator.services.run_creation import create
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict
from callboard.domain.ids import IdSource
from callboard.store import postgres, postgres_worker
from callboard.store.database import Transaction
from callboard.store.postgres_connection import PostgresTransaction
from callboard.wire.requests import CreateRun
from tests.support.postgres import database

RUNS = 2_000
RUNS_A_WORK = 500
LOOKS_WHILE_EMPTY = 12
"""From the sixth on the server may keep one plan for all values."""
A_DAY = 86_400_000


def _look(tx: Transaction) -> int:
    """Ask for a page of runs; how many rows were read one after another for it."""
    tx.all("list_runs", status="", session_id="", runner_id="", before="run_~", limit=50)
    connection = cast("PostgresTransaction", tx)._cursor.connection
    row = connection.execute("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'runs'").fetchone()
    return int(row[0]) if row else 0


def _new_run() -> NewRun:
    return NewRun(
        request=CreateRun(type="start_session", prompt="say hello"),
        prompt="say hello",
        caller=Caller(token_id="tok_owner", kind="owner"),
        parent_session_id=None,
        executor_type="scripted",
        offered_executors=frozenset(),
        no_match_ms=A_DAY,
    )


@pytest.mark.slow
async def test_a_plan_made_for_an_empty_table_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """R21: a page is read from its index, not from the whole table, in a database that has just grown."""
    monkeypatch.setattr(postgres, "READERS", 1)
    with database() as url:
        with psycopg.connect(url, autocommit=True) as outside:
            outside.execute("ALTER TABLE runs SET (autovacuum_enabled = false)")
        monkeypatch.setattr(postgres_worker, "PLAN_SECONDS", 0.0)
        opened = await postgres.open_postgres(url)
        try:
            for _ in range(LOOKS_WHILE_EMPTY):
                await opened.read(_look)
            ids = IdSource(opened.clock.now_ms, random.Random(1).getrandbits)  # noqa: S311 - ids of a test
            for _ in range(RUNS // RUNS_A_WORK):
                await opened.write(lambda tx: [create(tx, _new_run(), ids, TreeLimits()) for _ in range(RUNS_A_WORK)])
            assert await opened.read(_look) < RUNS
        finally:
            await opened.close()


async def test_a_refused_work_leaves_what_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A work that is refused costs its connection nothing: the next one finds its statements prepared."""
    monkeypatch.setattr(postgres, "WRITERS", 1)

    def prepared(tx: Transaction) -> int:
        tx.one("run_by_id", run_id="run_none")
        connection = cast("PostgresTransaction", tx)._cursor.connection
        row = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
        return int(row[0]) if row else 0

    def refused(tx: Transaction) -> None:
        tx.one("run_by_id", run_id="run_none")
        raise Conflict("no")

    with database() as url:
        opened = await postgres.open_postgres(url)
        try:
            before = [await opened.write(prepared) for _ in range(10)][-1]
            with pytest.raises(Conflict):
                await opened.write(refused)
            assert await opened.write(prepared) == before > 0
        finally:
            await opened.close()
