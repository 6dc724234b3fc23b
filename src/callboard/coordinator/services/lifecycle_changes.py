"""Every change of a lifecycle as work inside a transaction: row, event, reservation, and what runs bring to it.

The session is locked by the caller. Knows no callers, and halts no runs.
"""

from typing import Any, Final, Literal

import msgspec

from callboard.coordinator.services.callback_changes import hold
from callboard.domain import event as event_types
from callboard.domain.lifecycle import ENDED, RUN_FAILED, RUN_STARTED, RUN_STOPPED, UNDER_WAY, follows
from callboard.store.database import Row, Transaction
from callboard.store.events import NewEvent, append

By = Literal["worker", "person", "callboard"]
REPORT: Final = "report"
BUDGET: Final = "budget"
"""What a session may wait for besides its agent's questions; for the second it waits as long as its pool is empty."""
_SOMEBODY: Final = ("person", "parent", "tree")


def work_of(tx: Transaction, session_id: str) -> Row | None:
    """The work of a session; None when it works on no issue."""
    return tx.one("work_of_session", session_id=session_id)


def may_run(lifecycle: str | None, worktree: str | None) -> bool:
    """Whether runs of a session may be claimed; of one without issues always."""
    return lifecycle is None or (lifecycle in UNDER_WAY and worktree == "prepared")


def change(tx: Transaction, work: Row, to: str, *, by: By, reason: str | None = None) -> Row:
    """Moves the lifecycle as domain.lifecycle decided; the work as it is now."""
    session_id, before = work["session_id"], work["lifecycle"]
    if not tx.run("move_lifecycle", session_id=session_id, lifecycle=to, from_lifecycle=before, now=tx.now_ms):
        raise RuntimeError(f"the lifecycle of {session_id} moved inside a transaction that had locked it")
    keeps_reason = work["stuck_reason"] if to in ("stuck", "paused") or before == "cancelled" else None
    noted = {
        "lifecycle_before": before if to == "paused" else None,
        "stuck_reason": reason or keeps_reason if to in ("stuck", "cancelled") else keeps_reason,
    }
    tx.run("note_lifecycle", session_id=session_id, now=tx.now_ms, **noted)
    _tell(tx, work, {"from": before, "to": to, "by": by, "reason": reason})
    tx.run("waits_no_longer_for", session_id=session_id, waiting_for=REPORT)
    if to in UNDER_WAY:
        tx.run("hold_callbacks", session_id=session_id, held=0)
    else:
        _halt(tx, session_id, for_ever=to in ENDED)
    return work | noted | {"lifecycle": to}


def _halt(tx: Transaction, session_id: str, *, for_ever: bool) -> None:
    tx.run("withdraw_runs", session_id=session_id)
    hold(tx, session_id)
    if for_ever:
        tx.run("free_issues", session_id=session_id)
        tx.run("waits_no_longer_for", session_id=session_id, waiting_for=BUDGET)


def on_run_started(tx: Transaction, run: Row) -> None:
    """The permission to launch was given: the work is under way."""
    work = work_of(tx, run["session_id"])
    if work is None:
        return
    tx.run("waits_no_longer_for", session_id=run["session_id"], waiting_for=REPORT)
    _follow(tx, work, RUN_STARTED, None)


def on_run_ended(tx: Transaction, run: Row, reason: str, stopped_by: str | None, failure: str | None) -> None:
    """What the end of a run brings; nothing when the lifecycle itself ended it. `failure` is the sentence of one."""
    work = work_of(tx, run["session_id"])
    if work is None:
        return
    if work["halted_run_id"] == run["run_id"]:
        tx.run("halt_run", session_id=run["session_id"], run_id=run["run_id"], halt_at=None)
    elif reason == "completed":
        if work["lifecycle"] in UNDER_WAY and work["reported_run_id"] != run["run_id"]:
            tx.run("wait_for", session_id=run["session_id"], waiting_for=REPORT)
    elif reason == "stopped":
        if stopped_by in _SOMEBODY:
            _follow(tx, work, RUN_STOPPED, None)
    elif reason != "budget_exceeded":
        _follow(tx, work, RUN_FAILED, failure)


def _follow(tx: Transaction, work: Row, event: str, reason: str | None) -> None:
    to = follows(work["lifecycle"], event)
    if to != work["lifecycle"]:
        change(tx, work, to, by="callboard", reason=reason)


def _tell(tx: Transaction, work: Row, payload: dict[str, Any]) -> None:
    shown = {name: value for name, value in payload.items() if value is not None}
    append(
        tx,
        work["session_id"],
        work["root_session_id"],
        [NewEvent(type=event_types.LIFECYCLE_CHANGED, payload=msgspec.json.encode(shown))],
        run_id=None,
        attempt=None,
    )
