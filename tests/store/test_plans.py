"""Every named query takes an index where a table grows, and every query that code asks for exists."""

import ast
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from callboard.store import queries
from tests.architecture.tree import SOURCE, python_files
from tests.store.harness import KINDS, make

SMALL = frozenset({"runners", "projects", "demand_classes", "c", "below", "makers", "listed", "CONSTANT"})
"""Tables that stay small (c: demand classes), and rows that a query makes itself."""

WHOLE_ON_PURPOSE = {
    "contents": "asked of a copy, never of a database in use",
    "delete_project": "a person removes a project, which is rare; whatever refers to it is looked for",
    "newest_event_batch": "in the order of the key, and ends with the first row",
    "oldest_event_batches": "in the order of the key, and ends with its limit",
    "sessions_in_hand": "the indexes hold only the few sessions that wait or are to be looked at",
    "sessions_on_board": "in the order of an index, and ends with its limit",
    "stopping_trees": "the index holds only the few sessions that are being stopped",
    "sessions_ending_in": "a person's short reference; the index is read, not the table",
    "tasks_to_close": "the index holds only the few tasks whose session is still to be closed",
    "what_holds_project": "the same: tokens and agents are few",
    "unused_classes": "demand classes are few, and are forgotten when unused",
}
"""Queries that read a growing table whole, each with its reason."""


Plan = Callable[[str], Awaitable[list[str]]]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """All tests here share the loop, and so the databases: they only ask for plans."""
    return "asyncio"


@pytest.fixture(params=KINDS, scope="module")
async def plan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plan]:
    """Return how a database of each kind plans a named query."""
    harness = make(request.param, tmp_path_factory.mktemp("plans"))
    database = await harness.open()
    yield lambda query: database.read(lambda tx: harness.plan(tx, query))
    await database.close()


def scanned(steps: list[str]) -> list[str]:
    """The tables that a plan of either database reads whole."""
    sqlite = [step.split()[1] for step in steps if step.startswith("SCAN ")]
    words = [step.split() for step in steps if "Seq Scan on " in step]
    return sqlite + [line[line.index("on") + 1] for line in words]


@pytest.mark.parametrize("query", sorted(queries.load()))
async def test_no_query_reads_a_growing_table_whole(plan: Plan, query: str) -> None:
    steps = await plan(query)
    assert [table for table in scanned(steps) if table not in SMALL] == [] or query in WHOLE_ON_PURPOSE


HOT_PATHS = {
    "event_heads_by_seq": "event_batches_by_seq (session_id=? AND last_seq>?)",
    "event_heads_after": "PRIMARY KEY (rowid>?)",
    "event_heads_of_session_after": "event_batches_by_seq (session_id=?)",
    "event_batches_between": "PRIMARY KEY (rowid>? AND rowid<?)",
    "batches_covering_keys": "event_batches_by_key (run_id=? AND attempt=? AND last_key>?)",
    "extend_keys": "(run_id=?)",
    "claim_run": "(run_id=?)",
    "claimable_runs": "COVERING INDEX runs_claimable",
    "head_run_of_session": "runs_waiting (session_id=?)",
    "lapsed_leases": "runs_leased (lease_expires_at>? AND lease_expires_at<?)",
    "unheard_claims": "runs_unheard (unheard_at>? AND unheard_at<?)",
    "runs_past_deadline": "runs_deadline (deadline_at>? AND deadline_at<?)",
    "runs_past_queue_deadline": "runs_queue_deadline (status=? AND queue_deadline_at>? AND queue_deadline_at<?)",
    "long_lost_runs": "runs_lost (status=? AND interrupted_at<?)",
    "live_runs_of_runner": "runs_by_runner (runner_id=?)",
}


@pytest.mark.parametrize("plan", ["sqlite"], indirect=True)
@pytest.mark.parametrize("query", HOT_PATHS)
async def test_the_hot_paths_take_their_index_and_sort_nothing(plan: Plan, query: str) -> None:
    steps = await plan(query)
    assert HOT_PATHS[query] in steps[0]
    assert not any("TEMP B-TREE" in step for step in steps)


@pytest.mark.parametrize("plan", ["postgresql"], indirect=True)
@pytest.mark.parametrize("query", HOT_PATHS)
async def test_the_hot_paths_read_an_index_on_the_server_too(plan: Plan, query: str) -> None:
    steps = await plan(query)
    assert any(" Index " in f" {step}" and "Scan" in step for step in steps), steps


def test_code_asks_only_for_queries_that_exist() -> None:
    known = queries.load()
    unknown = [
        f"{path.relative_to(SOURCE)}:{line}: {name}"
        for path in python_files(SOURCE / "store", SOURCE / "coordinator")
        for line, name in _named(ast.parse(path.read_text(encoding="utf-8")))
        if name not in known
    ]
    assert unknown == []


def _named(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The queries that calls name, with their lines: tx.one("…"), with a transaction under its usual names."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="tx" | "transaction"), attr="one" | "all" | "run"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name
