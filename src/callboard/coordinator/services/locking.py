"""What a work locks before it reads what it decides on.

Order: the outermost pool of a budget, sessions, classes, the fleet, rows of runners, answers.

Several sessions are locked in the order of their ids, which is that of their creation: a root before its tree.
"""

from collections.abc import Iterable, Iterator

from callboard.coordinator.services.budget_changes import lock_pools
from callboard.store.database import Row, Transaction


def lock_run(tx: Transaction, run_id: str, *, with_pool: bool = False) -> None:
    """Locks the session of a run: nobody else moves the run, its session or its log until this work is done.

    `with_pool`: and before it the pool that the run draws from, if any, since this work charges it or makes a run.
    """
    found = tx.one("session_of_run", run_id=run_id)
    if found is not None:
        if with_pool:
            lock_pools(tx, found["pool_session_id"])
        tx.lock_session(found["session_id"])


def lock_for_run(tx: Transaction, session_id: str) -> None:
    """Locks a session that gets a run, and before it the pool that it draws from, if any."""
    _lock_pool(tx, tx.one("session_by_id", session_id=session_id))
    tx.lock_session(session_id)


def locked_run(tx: Transaction, run_id: str) -> Row | None:
    """The run with its session's context, as it stands while nobody else can move it; None when there is none."""
    lock_run(tx, run_id)
    return tx.one("run_for_report", run_id=run_id)


def lock_runs(tx: Transaction, run_ids: Iterable[str], *session_ids: str) -> None:
    """Locks the sessions of several runs, and these."""
    found = [tx.one("session_of_run", run_id=run_id) for run_id in run_ids]
    tx.lock_session(*session_ids, *(row["session_id"] for row in found if row is not None))


def lock_pools_of_runs(tx: Transaction, run_ids: Iterable[str]) -> dict[str, str]:
    """Locks the pools that these runs draw from, before their sessions are locked; which run draws from which."""
    found = {run_id: tx.one("session_of_run", run_id=run_id) for run_id in run_ids}
    pools = {run_id: row["pool_session_id"] for run_id, row in found.items() if row and row["pool_session_id"]}
    lock_pools(tx, *pools.values())
    return pools


def lock_family(tx: Transaction, session_id: str, *, with_pool: bool = False) -> None:
    """Locks a session and the root of its tree, so that only one work at a time adds a session to a tree.

    `with_pool`: and before them the pool that the session draws from, if any, since what is added draws from it too.
    """
    session = tx.one("session_by_id", session_id=session_id)
    if session is not None:
        if with_pool:
            _lock_pool(tx, session)
        tx.lock_session(session_id, session["root_session_id"])


def _lock_pool(tx: Transaction, session: Row | None) -> None:
    if session is not None:
        lock_pools(tx, session["pool_session_id"])


def lock_subtree(tx: Transaction, session_id: str) -> None:
    """Locks a session and all below it; no session is added to its tree meanwhile."""
    lock_family(tx, session_id)
    tx.lock_session(*leaf_first(tx, session_id))


def leaf_first(tx: Transaction, session_id: str) -> Iterator[str]:
    """The sessions below one, every child before its parent; trees are small by their limits."""
    for child in tx.all("children_of", session_id=session_id):
        yield from leaf_first(tx, child["session_id"])
        yield child["session_id"]
