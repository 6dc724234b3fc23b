"""What follows when a run's runner or its agent is lost, as the run asked for with on_lost."""

from typing import Literal

from callboard.coordinator.services import run_changes
from callboard.coordinator.services.run_changes import RunEnd
from callboard.domain.run import after_lost
from callboard.store.database import Row, Transaction

Followed = Literal["waits", "requeued", "failed", "gone"]


def what_follows(run: Row) -> str:
    """A run that is to be stopped is never tried again; an external one ends with its lease."""
    if run_changes.is_external(run) or run["on_lost"] == "fail":
        return "give_up"
    if run["stop_requested_at"] is not None:
        return "wait"
    return after_lost(run["on_lost"], run["tries"], bool(run["repeatable"]))


def follow(tx: Transaction, run_id: str, follows: str) -> Followed:
    """Does what follows for a run that was just interrupted."""
    run = tx.one("run_for_report", run_id=run_id)
    if run is None or run["status"] != "interrupted":
        return "gone"
    if follows == "wait":
        return "waits"
    if follows == "retry":
        return "requeued" if run_changes.requeue_lost(tx, run) else "gone"
    return give_up(tx, run, "max_attempts" if follows == "exhausted" else "interrupted")


def give_up(tx: Transaction, run: Row, reason: str = "interrupted") -> Followed:
    """Fails an interrupted run."""
    return "failed" if run_changes.end(tx, run, RunEnd(reason=reason, event="give_up")) else "gone"


def forget_unlisted(tx: Transaction, runner_id: str, listed: set[tuple[str, int]]) -> None:
    """Ends or retries the interrupted runs of a runner that is back and does not hold them any more."""
    for row in tx.all("live_runs_of_runner", runner_id=runner_id):
        if row["status"] != "interrupted" or (row["run_id"], row["attempt"]) in listed:
            continue
        run = tx.one("run_for_report", run_id=row["run_id"])
        if run is not None:
            follows = what_follows(run)
            follow(tx, row["run_id"], "give_up" if follows == "wait" else follows)
