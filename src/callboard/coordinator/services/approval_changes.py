"""Every change of an approval as work inside a transaction: row, event, what the session waits for, the run's timeout.

The session is locked by the caller. Knows no callers: who may decide is decided before.
"""

import json
from typing import Any

import msgspec

from callboard.domain import event as event_types
from callboard.domain.approval import APPROVAL, content_hash, grant_key, question_of, session_allows, waits_for
from callboard.domain.risk import risk_notes, risk_of
from callboard.store.database import Row, Transaction
from callboard.store.events import NewEvent, append
from callboard.store.hints import RunnerTold
from callboard.wire.runner import ApprovalRequest, DecisionOrder


def request(tx: Transaction, run: Row, approval_id: str, asked: ApprovalRequest) -> Row:
    """The approval that an attempt asks for; asked again, the one that is there."""
    new = tx.run(
        "insert_approval",
        approval_id=approval_id,
        session_id=run["session_id"],
        run_id=run["run_id"],
        attempt=run["attempt"],
        runner_id=run["runner_id"],
        request_id=asked.request_id,
        tool_name=asked.tool_name,
        tool_input=json.dumps(asked.tool_input),
        tool_use_id=asked.tool_use_id,
        description=question_of(asked.tool_name, asked.tool_input) or asked.description,
        project_dir=asked.project_dir,
        risk=risk_of(asked.tool_name, asked.tool_input, asked.project_dir),
        content_hash=content_hash(asked.tool_name, asked.tool_input, asked.project_dir),
        grant_key=grant_key(asked.tool_name, asked.tool_input, asked.project_dir),
        now=tx.now_ms,
    )
    names = {"run_id": run["run_id"], "attempt": run["attempt"], "request_id": asked.request_id}
    row = tx.one("approval_of_attempt", **names)
    if row is None:
        raise RuntimeError(f"the approval {asked.request_id} of {run['run_id']} vanished inside its transaction")
    if new:
        shown = ("tool_name", "tool_use_id", "description", "project_dir", "risk", "content_hash")
        allows = session_allows(asked.tool_name, asked.tool_input, asked.project_dir)
        more = {name: row[name] for name in shown} | {"tool_input": asked.tool_input, "session_allows": allows}
        more["risk_notes"] = risk_notes(asked.tool_input)
        _tell(tx, run, event_types.APPROVAL_REQUESTED, row, **more)
        if not _is_granted(tx, run, row):
            _wait(tx, run)
            tx.run("pause_timeout", run_id=run["run_id"], now=tx.now_ms)
    return tx.one("approval_of_attempt", **names) or row


def _is_granted(tx: Transaction, run: Row, row: Row) -> bool:
    """Whether an earlier decision for the whole session allows it; then it is allowed."""
    grant = tx.one("grant_of_session", session_id=row["session_id"], grant_key=row["grant_key"])
    if grant is None:
        return False
    decision = {"decided_by": grant["decided_by"], "reason": None, "updated_input": None, "scope": "once"}
    return decide(tx, run, row, "allow", **decision, granted_by=grant["approval_id"])


def end_grants(tx: Transaction, run: Row, row: Row, ended_by: str) -> None:
    """The decision for the whole session holds no more: the agent asks again for what is like it."""
    if tx.run("end_grants", session_id=row["session_id"], grant_key=row["grant_key"]):
        text = f"{row['tool_name']} is asked for again: the permission for the session was taken back by {ended_by}."
        payload = msgspec.json.encode({"text": text})
        append(tx, row["session_id"], run["root_session_id"], [NewEvent(type=event_types.NOTE, payload=payload)])


def decide(tx: Transaction, run: Row, row: Row, verdict: str, **decision: Any) -> bool:
    """Writes the one decision and tells the runner; false when another one stands."""
    status = APPROVAL.next_state("pending", verdict)
    if not tx.run("decide_approval", approval_id=row["approval_id"], status=status, now=tx.now_ms, **decision):
        return False
    by = tx.one("token_by_id", token_id=decision["decided_by"]) or {}
    told = {"by": decision["decided_by"], "by_label": by.get("label") or None, "reason": decision["reason"]}
    given = json.loads(decision["updated_input"]) if decision["updated_input"] else None
    more = {"scope": decision["scope"], "granted_by": decision["granted_by"], "updated_input": given}
    _tell(tx, run, event_types.APPROVAL_DECIDED, row, decision=verdict, **told, **more)
    _go_on(tx, run)
    tx.hint(RunnerTold(runner_id=row["runner_id"]))
    return True


def settle(tx: Transaction, run: Row, row: Row) -> None:
    """The agent does not wait for it any more: it has the decision, or has withdrawn its request."""
    if row["status"] == "pending":
        _expire(tx, run, row)
        _go_on(tx, run)
    else:
        tx.run("settle_approval", approval_id=row["approval_id"], now=tx.now_ms)


def expire_all(tx: Transaction, run: Row) -> None:
    """The attempt has ended, or another one begins: what it asked for concerns nobody any more."""
    pending = tx.all("pending_approvals_of_run", run_id=run["run_id"])
    for row in pending:
        _expire(tx, run, row)
    if pending:
        _go_on(tx, run)
    tx.run("settle_approvals_of_run", run_id=run["run_id"], now=tx.now_ms)


def decisions_for(tx: Transaction, runner_id: str) -> list[DecisionOrder]:
    """What agents of a runner wait for; said again until they have it."""
    return [
        DecisionOrder(
            run_id=row["run_id"],
            attempt=row["attempt"],
            request_id=row["request_id"],
            allow=row["status"] == "allowed",
            reason=row["reason"] or "",
            updated_input=json.loads(row["updated_input"]) if row["updated_input"] else None,
        )
        for row in tx.all("decisions_for_runner", runner_id=runner_id)
    ]


def deadline_of(run: Row) -> int | None:
    """When the run's timeout is over, as far as it has run; None without one, and while it stands still."""
    timeout = json.loads(run["limits"]).get("timeout_seconds")
    if timeout is None or run["stop_requested_at"] or run["paused_at"] is not None:
        return None
    return int(run["started_at"] + timeout * 1000 + run["paused_ms"])


def _expire(tx: Transaction, run: Row, row: Row) -> None:
    if tx.run("expire_approval", approval_id=row["approval_id"], now=tx.now_ms):
        _tell(tx, run, event_types.APPROVAL_EXPIRED, row)


def _wait(tx: Transaction, run: Row) -> bool:
    """The session waits for what was asked first of all that is open; false when nothing is."""
    oldest = tx.one("oldest_pending_approval", session_id=run["session_id"])
    waiting_for = None if oldest is None else waits_for(oldest["tool_name"])
    tx.run("wait_for", session_id=run["session_id"], waiting_for=waiting_for)
    return oldest is not None


def _go_on(tx: Transaction, run: Row) -> None:
    """After the last open request the session waits for nobody, and the timeout goes on."""
    if _wait(tx, run):
        return
    now = tx.one("run_by_id", run_id=run["run_id"])
    if now is not None and now["paused_at"] is not None:
        going = now | {"paused_at": None, "paused_ms": now["paused_ms"] + tx.now_ms - now["paused_at"]}
        live = now["status"] == "running"
        deadline = deadline_of(going) if live else None
        tx.run("resume_timeout", run_id=run["run_id"], now=tx.now_ms, deadline_at=deadline)


def _tell(tx: Transaction, run: Row, event_type: str, row: Row, **more: Any) -> None:
    payload = {"approval_id": row["approval_id"]} | {name: value for name, value in more.items() if value is not None}
    append(
        tx,
        run["session_id"],
        run["root_session_id"],
        [NewEvent(type=event_type, payload=msgspec.json.encode(payload))],
        run_id=run["run_id"],
        attempt=row["attempt"],
    )
