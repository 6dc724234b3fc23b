"""Stops: a promise to people. Pending runs never start; live ones get a request that their runner carries out."""

from callboard.coordinator.services import run_changes
from callboard.coordinator.services.access import require_steering, visible_run, visible_session
from callboard.coordinator.services.callback_changes import hold
from callboard.coordinator.services.locking import leaf_first, lock_run, lock_subtree
from callboard.coordinator.services.message_changes import cancel
from callboard.coordinator.services.run_requests import check_run_id, check_session_id
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict
from callboard.domain.run import LIVE
from callboard.store.database import Database, Row, Transaction
from callboard.wire.responses import Stopped


class StopService:
    """Stops of runs, sessions and trees."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stop_run(self, caller: Caller, run_id: str) -> Stopped:
        """Stops one run; once more changes nothing."""
        check_run_id(run_id)

        def work(tx: Transaction) -> Stopped:
            lock_run(tx, run_id)
            run = visible_run(tx, caller, run_id)
            session = visible_session(tx, caller, run["session_id"])
            require_steering(tx, caller, session)
            outcome = Stopped(status=run["status"], stopping=[], cancelled=[])
            if run["status"] in LIVE:
                hold(tx, run["session_id"])
            _stop(tx, run, _by(caller), outcome)
            after = tx.one("run_by_id", run_id=run_id)
            outcome.status = after["status"] if after else run["status"]
            return outcome

        return await self._database.write(work)

    async def stop_session(self, caller: Caller, session_id: str, subtree: bool) -> Stopped:
        """Stops the live run and cancels the waiting ones; with `subtree` those below first, leaf first."""
        check_session_id(session_id)

        def work(tx: Transaction) -> Stopped:
            if subtree:
                lock_subtree(tx, session_id)
            else:
                tx.lock_session(session_id)
            session = visible_session(tx, caller, session_id)
            require_steering(tx, caller, session)
            outcome = Stopped(status=session["status"], stopping=[], cancelled=[])
            if subtree:
                tx.run("set_tree_stopping", session_id=session_id, stopping=1)
                for below in leaf_first(tx, session_id):
                    _stop_session(tx, below, "tree", outcome, around_external=True)
            _stop_session(tx, session_id, _by(caller), outcome, around_external=subtree)
            after = tx.one("session_by_id", session_id=session_id)
            outcome.status = after["status"] if after else session["status"]
            return outcome

        return await self._database.write(work)

    async def sweep_once(self) -> int:
        """Opens trees again in which nothing lives any more; the number of them."""

        def work(tx: Transaction) -> int:
            trees = tx.all("stopping_trees")
            tx.lock_session(*(each for row in trees for each in (row["session_id"], row["root_session_id"])))
            quiet = [row["session_id"] for row in trees if not _lives(tx, row["session_id"])]
            return sum(tx.run("set_tree_stopping", session_id=session_id, stopping=0) for session_id in quiet)

        if not await self._database.read(lambda tx: tx.all("stopping_trees")):
            return 0
        return await self._database.write(work)


def _by(caller: Caller) -> str:
    return "parent" if caller.kind == "session" else "person"


def _lives(tx: Transaction, session_id: str) -> bool:
    everyone = [*leaf_first(tx, session_id), session_id]
    return any(tx.one("live_run_of_session", session_id=each) for each in everyone)


def _stop_session(tx: Transaction, session_id: str, by: str, outcome: Stopped, *, around_external: bool) -> None:
    """What another process leads is not ours to stop: of a tree it is left out, alone it is refused."""
    session = tx.one("session_by_id", session_id=session_id)
    if session is None:
        return
    more = {"root_session_id": session["root_session_id"], "session_project_id": session["project_id"]}
    hold(tx, session_id)
    cancel(tx, session)
    runs = tx.all("waiting_runs_of_session", session_id=session_id)
    live = tx.one("live_run_of_session", session_id=session_id)
    for run in [*runs, live] if live else runs:
        if not (around_external and run_changes.is_external(run)):
            _stop(tx, run | more, by, outcome)


def _stop(tx: Transaction, run: Row, by: str, outcome: Stopped) -> None:
    if run_changes.is_ended(run):
        return
    if run_changes.is_external(run):
        raise Conflict(
            f"{run['session_id']} is led by another process.",
            code="session_external",
            hint="End it where it runs; its lease ends when it has been silent for a while.",
        )
    done = run_changes.halt(tx, run, by)
    if done == "cancelled":
        outcome.cancelled.append(run["run_id"])
    elif done == "stopping":
        outcome.stopping.append(run["run_id"])
