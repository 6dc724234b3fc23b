"""What a work locks before it reads what it decides on. Order: sessions, classes, the fleet, rows of runners, answers.

Several sessions are locked in the order of their ids, which is that of their creation: a root before its tree.
"""

from collections.abc import Iterable, Iterator

from callboard.store.database import Row, Transaction


def lock_run(tx: Transaction, run_id: str) -> None:
    """Locks the session of a run: nobody else moves the run, its session or its log until this work is done."""
    found = tx.one("session_of_run", run_id=run_id)
    if found is not None:
        tx.lock_session(found["session_id"])


def locked_run(tx: Transaction, run_id: str) -> Row | None:
    """The run with its session's context, as it stands while nobody else can move it; None when there is none."""
    lock_run(tx, run_id)
    return tx.one("run_for_report", run_id=run_id)


def lock_runs(tx: Transaction, run_ids: Iterable[str], *session_ids: str) -> None:
    """Locks the sessions of several runs, and these."""
    found = [tx.one("session_of_run", run_id=run_id) for run_id in run_ids]
    tx.lock_session(*session_ids, *(row["session_id"] for row in found if row is not None))


def lock_family(tx: Transaction, session_id: str) -> None:
    """Locks a session and the root of its tree, so that only one work at a time adds a session to a tree."""
    session = tx.one("session_by_id", session_id=session_id)
    if session is not None:
        tx.lock_session(session_id, session["root_session_id"])


def lock_subtree(tx: Transaction, session_id: str) -> None:
    """Locks a session and all below it; no session is added to its tree meanwhile."""
    lock_family(tx, session_id)
    tx.lock_session(*leaf_first(tx, session_id))


def leaf_first(tx: Transaction, session_id: str) -> Iterator[str]:
    """The sessions below one, every child before its parent; trees are small by their limits."""
    for child in tx.all("children_of", session_id=session_id):
        yield from leaf_first(tx, child["session_id"])
        yield child["session_id"]
