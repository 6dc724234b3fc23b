"""Which sessions a caller may see and act on; a session that it may not see is not there for it."""

from callboard.domain.caller import Caller
from callboard.domain.errors import Forbidden, NotFound
from callboard.store.database import Row, Transaction


def visible_session(tx: Transaction, caller: Caller, session_id: str) -> Row:
    """The session's row; NotFound when there is none that the caller may see."""
    row = tx.one("session_by_id", session_id=session_id)
    if row is None or not _sees(tx, caller, row):
        raise NotFound(
            f"There is no session {session_id}.", code="session_not_found", hint="`callboard ps --all` lists sessions."
        )
    return row


def visible_run(tx: Transaction, caller: Caller, run_id: str) -> Row:
    """The run's row with its session's context; NotFound when there is none that the caller may see."""
    run = tx.one("run_for_report", run_id=run_id)
    if run is not None:
        session = tx.one("session_by_id", session_id=run["session_id"])
        if session is not None and _sees(tx, caller, session, run):
            return run
    raise NotFound(f"There is no run {run_id}.", code="run_not_found", hint="`callboard ps` lists sessions and runs.")


def _sees(tx: Transaction, caller: Caller, session: Row, run: Row | None = None) -> bool:
    if not caller.sees_project(session["project_id"]):
        return False
    if caller.kind == "session":
        return session["session_id"] == caller.session_id or is_below(tx, session, caller.session_id or "")
    if caller.kind == "runner":
        live = run or tx.one("live_run_of_session", session_id=session["session_id"])
        return bool(live and live["runner_id"] == caller.runner_id)
    return caller.is_person


def is_below(tx: Transaction, session: Row, ancestor_id: str) -> bool:
    """Whether a session lies below another one; the way up is short, as depth is limited."""
    parent = session["parent_session_id"]
    while parent is not None:
        if parent == ancestor_id:
            return True
        row = tx.one("session_by_id", session_id=parent)
        parent = row["parent_session_id"] if row else None
    return False


def require_steering(tx: Transaction, caller: Caller, session: Row) -> None:
    """Forbidden unless the caller may start, stop and message runs of this session."""
    if caller.may_write:
        return
    if caller.kind == "session" and is_below(tx, session, caller.session_id or ""):
        return
    raise Forbidden(
        f"This {caller.kind} token may not act on {session['session_id']}.",
        hint="A session token acts on what is below its own session; a read-only token acts on nothing.",
    )
