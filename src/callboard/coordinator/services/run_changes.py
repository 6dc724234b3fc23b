"""Every change of a run's status, as work inside one transaction: row, session, events, queue and hints together.

Knows no callers and no HTTP; who may ask for a change is decided before. The legal moves are in domain.run.RUN.
"""

import json
from typing import Any, Literal

import msgspec

from callboard.coordinator.services.affinity import direct
from callboard.coordinator.services.approval_changes import deadline_of, expire_all
from callboard.coordinator.services.budget_changes import exhausted_sentence, short_to_start
from callboard.coordinator.services.callback_changes import give_back, note_child_end
from callboard.coordinator.services.lifecycle_changes import may_run, on_run_ended, on_run_started
from callboard.coordinator.services.task_loop import follow
from callboard.coordinator.services.usage import usage_of_run
from callboard.domain import event as event_types
from callboard.domain.caller import Caller
from callboard.domain.run import ENDED, LIVE, REASON_SENTENCES, RUN, exit_code_of, queue_key, status_of
from callboard.domain.session import session_status
from callboard.domain.why_words import UNPRICED_SENTENCE
from callboard.store.database import Row, Transaction
from callboard.store.events import NewEvent, append
from callboard.store.hints import BudgetDue, Queued, RunChanged, RunnerTold, TokenRevoked

RESULT_IN_EVENT_BYTES = 16_384


class RunEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ends."""

    reason: str
    exit_code: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    result_text: str | None = None
    result_data: str | None = None
    """JSON text."""
    certainty: str | None = None
    stopped_by: str | None = None
    signal: str | None = None
    """What ended the agent's process, where a signal did."""
    event: str = ""
    """The event of domain.run.RUN that this end is."""


def note_event(tx: Transaction, run: Row, event_type: str, payload: dict[str, Any]) -> None:
    """Appends an event of our own that belongs to a run."""
    append(
        tx,
        run["session_id"],
        run["root_session_id"],
        [NewEvent(type=event_type, payload=msgspec.json.encode(payload))],
        run_id=run["run_id"],
        attempt=run["attempt"] or None,
    )


def changed(tx: Transaction, run: Row, status: str) -> None:
    """Tells everybody who waits for this run, after the commit."""
    tx.hint(RunChanged(run_id=run["run_id"], session_id=run["session_id"], status=status))


def refresh_session(tx: Transaction, session_id: str) -> None:
    """Derives the session's status and queue count from its runs, and offers its next run when it is idle."""
    live = tx.one("live_run_of_session", session_id=session_id)
    last = tx.one("last_ended_run", session_id=session_id)
    waiting = tx.one("count_waiting_runs", session_id=session_id)
    status = session_status(
        live["status"] if live else None,
        bool(live and live["stop_requested_at"]),
        last["status"] if last else None,
    )
    count = int(waiting["waiting"]) if waiting else 0
    short = live is None and _waits_for_budget(tx, waiting, last)
    tx.run(
        "refresh_session",
        session_id=session_id,
        status=status,
        queued_runs=count,
        waits_for_budget=int(short),
        now=tx.now_ms,
    )
    if count and not live and not short:
        offer_next(tx, session_id)


def _waits_for_budget(tx: Transaction, waiting: Row | None, last: Row | None) -> bool:
    """Whether an idle session could only go on with more of a budget."""
    if waiting and waiting["waiting"]:
        return short_to_start(tx, waiting["pool_session_id"]) is not None
    return last is not None and last["reason"] == "budget_exceeded"


def offer_next(tx: Transaction, session_id: str) -> None:
    """Makes the first pending run of an idle session claimable, unless its work is halted or has no worktree yet."""
    head = tx.one("head_run_of_session", session_id=session_id)
    if head is None or head["queue_key"] is not None or not may_run(head["lifecycle"], head["worktree"]):
        return
    run = tx.one("run_by_id", run_id=head["run_id"])
    key = queue_key(head["created_at"], head["priority"])
    if run is not None and tx.run("offer_run", run_id=head["run_id"], queue_key=key):
        _queue(tx, run, key)


def _queue(tx: Transaction, run: Row, key: int) -> None:
    """Tells the queue of a run that became claimable, after finding out where it has to go now."""
    place = direct(tx, run)
    tx.hint(Queued(run_id=run["run_id"], session_id=run["session_id"], demand_class=place, queue_key=key))


def withhold(tx: Transaction, run_id: str, pool_session_id: str | None) -> bool:
    """Takes a run out of the queue whose budget has nothing left to start it with; true when it has to wait so."""
    if short_to_start(tx, pool_session_id) is None:
        return False
    run = tx.one("run_for_report", run_id=run_id)
    if run is not None and tx.run("withhold_run", run_id=run_id):
        refresh_session(tx, run["session_id"])
        changed(tx, run, "pending")
    return True


def unclaim(tx: Transaction, run: Row, event: str) -> bool:
    """A claim that came to nothing goes back to the queue; false when the run has moved on."""
    RUN.next_state("claimed", event)
    key = queue_key(run["created_at"], run["priority"])
    if not tx.run("unclaim_run", run_id=run["run_id"], attempt=run["attempt"], queue_key=key):
        return False
    _queue(tx, run, key)
    revoke_session_tokens(tx, run["run_id"])
    refresh_session(tx, run["session_id"])
    changed(tx, run, "pending")
    return True


def unlaunch(tx: Transaction, run: Row, why: str) -> bool:
    """A permission to launch that was not used comes back: the run waits again, and the try is not counted."""
    RUN.next_state(run["status"], "not_launched")
    key = queue_key(run["created_at"], run["priority"])
    if not tx.run(
        "unlaunch_run", run_id=run["run_id"], attempt=run["attempt"], from_status=run["status"], queue_key=key
    ):
        return False
    _note_interrupted(tx, run, why, "retry")
    _queue(tx, run, key)
    revoke_session_tokens(tx, run["run_id"])
    refresh_session(tx, run["session_id"])
    changed(tx, run, "pending")
    return True


def _note_interrupted(tx: Transaction, run: Row, why: str, follows: str) -> None:
    payload = {name: run[name] for name in ("run_id", "attempt", "runner_id")} | {"why": why, "follows": follows}
    note_event(tx, run, event_types.RUN_INTERRUPTED, payload)


def lose(tx: Transaction, run: Row, why: str, follows: str) -> bool:
    """The lease of a running attempt lapsed: interrupted, which is not an end."""
    if not tx.run("lose_run", run_id=run["run_id"], attempt=run["attempt"], now=tx.now_ms):
        return False
    _note_interrupted(tx, run, why, follows)
    refresh_session(tx, run["session_id"])
    changed(tx, run, "interrupted")
    return True


def requeue_lost(tx: Transaction, run: Row) -> bool:
    """A lost repeatable run waits to be claimed again; its old attempt is stale from that claim on."""
    key = queue_key(run["created_at"], run["priority"])
    if not tx.run("retry_lost_run", run_id=run["run_id"], attempt=run["attempt"], queue_key=key):
        return False
    _queue(tx, run, key)
    refresh_session(tx, run["session_id"])
    changed(tx, run, "pending")
    return True


def may_return(tx: Transaction, run: Row) -> bool:
    """Whether the run's lost attempt may live and take the run back: its end is unknown, its session's place free."""
    if run["status"] != "interrupted" and (run["status"] != "pending" or run["interrupted_at"] is None):
        return False
    held = tx.one("attempt_by_id", run_id=run["run_id"], attempt=run["attempt"])
    live = tx.one("live_run_of_session", session_id=run["session_id"])
    return held is not None and not held["answer"] and (live is None or live["run_id"] == run["run_id"])


def recall(tx: Transaction, run: Row) -> bool:
    """A lost run that waits for its retry is not tried again: its old attempt may live, so it is interrupted still."""
    RUN.next_state("pending", "recall")
    return bool(tx.run("recall_lost_run", run_id=run["run_id"], attempt=run["attempt"]))


def halt(tx: Transaction, run: Row, by: str) -> Literal["cancelled", "stopping", "gone"]:
    """Stops a run that has not ended: at once where no agent of it can live, else by its runner."""
    if run["status"] == "pending" and may_return(tx, run) and recall(tx, run):
        run = run | {"status": "interrupted"}
    if run["status"] in ("pending", "claimed"):
        return "cancelled" if end(tx, run, RunEnd(reason="stopped", stopped_by=by, event="stop")) else "gone"
    ask_to_stop(tx, run, reason="stopped", stopped_by=by)
    return "stopping"


def begun(tx: Transaction, run: Row) -> None:
    """The run was given the permission to launch."""
    on_run_started(tx, run)
    refresh_session(tx, run["session_id"])
    changed(tx, run, "running")


def reconnect(tx: Transaction, run: Row, lease_ms: int) -> bool:
    """The lost attempt speaks again; false when it is not lost, or cannot take its run back."""
    if not may_return(tx, run):
        return False
    if not tx.run(
        "reconnect_run",
        run_id=run["run_id"],
        attempt=run["attempt"],
        lease_expires_at=tx.now_ms + lease_ms,
        deadline_at=deadline_of(run),
    ):
        return False
    note_event(tx, run, event_types.RUN_RECONNECTED, {"run_id": run["run_id"], "attempt": run["attempt"]})
    refresh_session(tx, run["session_id"])
    changed(tx, run, "running")
    return True


def ask_to_stop(tx: Transaction, run: Row, *, reason: str, stopped_by: str | None) -> bool:
    """Remembers that a live run is to be stopped and tells its runner; false when that was known already."""
    if not tx.run("request_stop", run_id=run["run_id"], now=tx.now_ms, stop_reason=reason, stopped_by=stopped_by):
        return False
    note_event(
        tx,
        run,
        event_types.STOP_REQUESTED,
        {"run_id": run["run_id"], "attempt": run["attempt"], "reason": reason, "stopped_by": stopped_by},
    )
    refresh_session(tx, run["session_id"])
    tx.hint(RunnerTold(runner_id=run["runner_id"]))
    changed(tx, run, run["status"])
    return True


def end(tx: Transaction, run: Row, how: RunEnd) -> bool:
    """Ends a run in every way there is: exactly one run_completed; false when it has moved on meanwhile."""
    status = status_of(how.reason)
    RUN.next_state(run["status"], how.event)
    exit_code = exit_code_of(how.reason, how.exit_code)
    message = how.error_message if status == "completed" else _sentence(tx, run, how)
    if not tx.run(
        "end_run",
        run_id=run["run_id"],
        attempt=run["attempt"],
        from_status=run["status"],
        status=status,
        reason=how.reason,
        exit_code=exit_code,
        error_code=None if status == "completed" else (how.error_code or how.reason),
        error_message=None if status == "completed" else message,
        result_text=how.result_text,
        result_data=how.result_data,
        certainty=how.certainty,
        stopped_by=how.stopped_by,
        now=tx.now_ms,
    ):
        return False
    note_event(tx, run, event_types.RUN_COMPLETED, _completed_payload(tx, run, how, exit_code, message))
    revoke_session_tokens(tx, run["run_id"])
    note_child_end(tx, run)
    give_back(tx, run, how.stopped_by or ("budget" if how.reason == "budget_exceeded" else None))
    expire_all(tx, run)
    if not _task_goes_on(tx, run, how, message):
        on_run_ended(tx, run, how.reason, how.stopped_by, message)
    if run["status"] in LIVE and run["runner_id"]:
        tx.hint(RunnerTold(runner_id=run["runner_id"]))
    if run["pool_session_id"] is not None:
        tx.hint(BudgetDue())
    refresh_session(tx, run["session_id"])
    changed(tx, run, status)
    return True


def _sentence(tx: Transaction, run: Row, how: RunEnd) -> str:
    """Why a run ended, in words; of a budget with its figures, before what the agent's program said of it."""
    ours = REASON_SENTENCES[how.reason]
    if how.reason != "budget_exceeded":
        return how.error_message or ours
    used_up = exhausted_sentence(tx, run["pool_session_id"])
    if used_up is None and usage_of_run(tx, run["run_id"]).unpriced:
        return UNPRICED_SENTENCE
    return used_up or (f"{ours} {how.error_message}" if how.error_message else ours)


def _task_goes_on(tx: Transaction, run: Row, how: RunEnd, failure: str | None) -> bool:
    by_lifecycle = how.stopped_by == "lifecycle"
    return follow(tx, run, how.reason, by_lifecycle=by_lifecycle, failure=failure, text=how.result_text)


def _completed_payload(tx: Transaction, run: Row, how: RunEnd, exit_code: int, message: str | None) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "run_id": run["run_id"],
        "attempt": run["attempt"],
        "reason": how.reason,
        "exit_code": exit_code,
        "usage": msgspec.to_builtins(usage_of_run(tx, run["run_id"])),
    }
    if status_of(how.reason) != "completed":
        payload["error"] = {"code": how.error_code or how.reason, "message": message}
    if how.stopped_by:
        payload["stopped_by"] = how.stopped_by
    if how.certainty:
        payload["certainty"] = how.certainty
    if how.signal:
        payload["signal"] = how.signal
    result = _result(how)
    if result is not None:
        payload["result"] = result
    return payload


def _result(how: RunEnd) -> dict[str, Any] | None:
    """The result where it is small; the event `result` before it has it whole."""
    if how.result_data is not None and len(how.result_data) <= RESULT_IN_EVENT_BYTES:
        return {"result_data": json.loads(how.result_data)}
    if how.result_text is not None:
        cut = how.result_text[:RESULT_IN_EVENT_BYTES]
        return {"result_text": cut, "truncated": True} if cut != how.result_text else {"result_text": cut}
    return None if how.result_data is None else {"truncated": True}


def revoke_session_tokens(tx: Transaction, run_id: str) -> None:
    """The session tokens of a run die with its attempt."""
    tokens = tx.all("session_tokens_of_run", run_id=run_id)
    if tokens:
        tx.run("revoke_session_tokens", run_id=run_id, now=tx.now_ms)
    for token in tokens:
        tx.hint(TokenRevoked(token_id=token["token_id"]))


def is_external(run: Row) -> bool:
    """Whether another process leads the run and reports it with its session token; its session may have others."""
    return bool(run["trigger"] == "external")


def is_ended(run: Row) -> bool:
    """Whether the run has ended."""
    return run["status"] in ENDED


def has_ended_so(tx: Transaction, caller: Caller, run_id: str, reason: str) -> bool:
    """Whether the external run that the caller led has ended with this reason: it repeats its report of that."""
    run = tx.one("run_for_report", run_id=run_id) if caller.run_id == run_id else None
    if run is None or not is_external(run) or caller.attempt != run["attempt"]:
        return False
    return run["status"] in ENDED and run["reason"] == reason
