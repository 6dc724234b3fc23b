"""Runs of work on issues: which are admitted, what a person's words become, and what ends when the work is halted.

The session is locked by the caller. Makes no runs.
"""

from callboard.coordinator.services import guidance_changes, message_changes, run_changes, task_loop
from callboard.coordinator.services.lifecycle_changes import change, work_of
from callboard.coordinator.services.new_run import NewRun
from callboard.coordinator.services.work_standing import standing_of
from callboard.domain.errors import Conflict
from callboard.domain.ids import Ids
from callboard.domain.lifecycle import ENDED, UNDER_WAY, moved
from callboard.domain.run import LIVE
from callboard.domain.work_step import how_it_stands, let_go_on
from callboard.store.database import Row, Transaction


def check_work(tx: Transaction, new: NewRun, session: Row) -> Row | None:
    """The work that a later run belongs to, if any. Conflict when no run of it may follow now."""
    work = work_of(tx, session["session_id"])
    if work is None:
        return None
    lifecycle = work["lifecycle"]
    if lifecycle == "paused" and _lifts_pause(new):
        lifecycle = moved("paused", "resume", work["lifecycle_before"])
    if lifecycle not in UNDER_WAY:
        raise refusal(tx, work)
    return work


def begin(tx: Transaction, new: NewRun, work: Row, new_ids: Ids) -> None:
    """A later run is made now: a pause is over, and what was said for the run is the worker's guidance."""
    if work["lifecycle"] == "paused":
        work = change(tx, work, moved("paused", "resume", work["lifecycle_before"]), by="person")
    if _says(new) and new.prompt:
        guidance_changes.give(tx, work, new.prompt, new.caller, new_ids)
    tx.run("waits_no_longer_for", session_id=work["session_id"], waiting_for="report")


def refusal(tx: Transaction, work: Row) -> Conflict:
    """Why nothing of the work may run, and what to do."""
    stands = standing_of(tx, work["session_id"])
    if stands is None:
        raise RuntimeError(f"the work of {work['session_id']} vanished inside a transaction")
    code = "work_ended" if stands.lifecycle in ENDED else "work_halted"
    return Conflict(how_it_stands(stands), code=code, hint=let_go_on(stands))


def _says(new: NewRun) -> bool:
    """Whether the words of the run are somebody's, not ours."""
    return new.trigger is None and new.retry_of is None


def _lifts_pause(new: NewRun) -> bool:
    return _says(new) and not new.left_behind and new.caller.may_write


def halt(tx: Transaction, work: Row, *, reporting_run_id: str | None, grace_ms: int) -> None:
    """Ends the live run of halted work; the run whose agent said so gets a moment, so that it has its answer."""
    session_id = work["session_id"]
    live = tx.one("live_run_of_session", session_id=session_id)
    if live is None:
        return
    waits = live["run_id"] == reporting_run_id
    tx.run("halt_run", session_id=session_id, run_id=live["run_id"], halt_at=tx.now_ms + grace_ms if waits else None)
    if not waits:
        run_changes.halt(tx, live | _of_session(work), "lifecycle")


def end_waiting(tx: Transaction, work: Row) -> None:
    """No run of the work follows any more: those that wait end, and what nobody has heard is not said any more."""
    message_changes.cancel(tx, work)
    task_loop.abandon(tx, work)
    for run in tx.all("waiting_runs_of_session", session_id=work["session_id"]):
        run_changes.halt(tx, run | _of_session(work), "lifecycle")


def halt_when_due(tx: Transaction, session_id: str) -> bool:
    """Ends the run whose moment is over; false when that was done, or it has ended by itself."""
    tx.lock_session(session_id)
    work = work_of(tx, session_id)
    if work is None or work["halt_at"] is None or work["halt_at"] > tx.now_ms:
        return False
    tx.run("halt_run", session_id=session_id, run_id=work["halted_run_id"], halt_at=None)
    run = tx.one("run_for_report", run_id=work["halted_run_id"])
    if run is None or run["status"] not in (*LIVE, "pending"):
        return False
    run_changes.halt(tx, run, "lifecycle")
    return True


def _of_session(work: Row) -> Row:
    return {"root_session_id": work["root_session_id"], "session_project_id": work["project_id"]}
