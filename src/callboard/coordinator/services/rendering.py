"""Rows of the store become answers of the API: the only place that turns columns into wire fields.

Knows no query, no caller and no clock; what a row must hold is said at each function.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from callboard.domain import runner as runners
from callboard.domain.approval import session_allows
from callboard.domain.budget import UNITS, Pools
from callboard.domain.checks import CheckOutcome
from callboard.domain.lifecycle import ENDED, legal_actions
from callboard.domain.risk import risk_notes
from callboard.domain.session import group_of
from callboard.domain.usage import UsageTotal
from callboard.domain.why_words import sentence_of_end
from callboard.domain.work_step import Standing, next_move, next_step
from callboard.store.events import StoredEvent
from callboard.wire import responses as wire
from callboard.wire import steering
from callboard.wire.agent_snapshot import AgentSnapshot
from callboard.wire.budgets import Budget
from callboard.wire.times import rfc3339, rfc3339_or_none
from callboard.wire.work_state import WorkChecks, WorkState

Columns = Mapping[str, Any]
"""A row of the store: its values by column name."""

_ENDED = ("finished", "failed", "stopped")


def render_usage(row: Columns) -> UsageTotal:
    """A sum of the ledger; the row holds the sums under the names of UsageTotal's fields, null where nothing is."""
    return UsageTotal(
        input_tokens=row["input_tokens"] or 0,
        output_tokens=row["output_tokens"] or 0,
        cache_read_tokens=row["cache_read_tokens"] or 0,
        cache_creation_tokens=row["cache_creation_tokens"] or 0,
        turns=row["turns"] or 0,
        cost_microdollars=row["cost_microdollars"],
        estimated=bool(row["estimated"]),
        unpriced=bool(row["unpriced"]),
    )


def render_budget(pools: Pools, session_id: str) -> Budget:
    """A pool as it stands."""
    pool = pools.by_id[session_id]
    shown: dict[str, int | None] = {}
    for unit in UNITS:
        limited = unit in pool.limits
        shown[f"budget_{unit}"] = pool.limits.get(unit)
        shown[f"spent_{unit}"] = pool.spent[unit]
        shown[f"reserved_{unit}"] = pools.reserved(pool, unit)
        shown[f"left_{unit}"] = max(0, pools.left(pool, unit)) if limited else None
    return msgspec.convert(shown | {"session_id": session_id, "above_session_id": pool.above}, Budget)


def render_run(row: Columns, usage: UsageTotal) -> wire.Run:
    """A run with its result; the row holds every column of `runs`."""
    return wire.Run(
        run_id=row["run_id"],
        session_id=row["session_id"],
        number=row["number"],
        type=row["type"],
        trigger=row["trigger"],
        status=row["status"],
        attempt=row["attempt"],
        tries=row["tries"],
        executor_type=row["executor_type"],
        agent_name=row["agent_name"],
        agent=None if row["agent"] is None else msgspec.json.decode(row["agent"], type=AgentSnapshot),
        prompt=row["prompt"],
        parameters=_json(row["parameters"]),
        demands=json.loads(row["demands"]),
        execution_mode=row["execution_mode"],
        priority=row["priority"],
        limits=json.loads(row["limits"]),
        on_lost=row["on_lost"],
        repeatable=bool(row["repeatable"]),
        model=row["model"],
        permission_mode=row["permission_mode"],
        project_dir=row["project_dir"],
        runner_id=row["runner_id"],
        task_id=row["task_id"],
        retry_of=row["retry_of"],
        usage=usage,
        **_end_of_run(row),
        **_times_of_run(row),
    )


def _end_of_run(row: Columns) -> dict[str, Any]:
    error = None
    if row["error_code"] is not None:
        error = wire.RunError(code=row["error_code"], message=row["error_message"] or "")
    return {
        "stopped_by": row["stopped_by"],
        "reason": row["reason"],
        "reason_text": sentence_of_end(row["reason"], row["stopped_by"], row["error_message"], row["error_code"]),
        "exit_code": row["exit_code"],
        "error": error,
        "result_text": row["result_text"],
        "result_data": _json(row["result_data"]),
        "certainty": row["certainty"],
    }


def _times_of_run(row: Columns) -> dict[str, Any]:
    optional = ("lease_expires_at", "stop_requested_at", "claimed_at", "started_at", "interrupted_at", "ended_at")
    return {"created_at": rfc3339(row["created_at"])} | {name: rfc3339_or_none(row[name]) for name in optional}


def render_binding(row: Columns) -> wire.Binding:
    """A binding; the row holds every column of `bindings`."""
    return wire.Binding(
        generation=row["generation"],
        executor_type=row["executor_type"],
        executor_session_id=row["executor_session_id"],
        hostname=row["hostname"],
        project_dir=row["project_dir"],
        runner_id=row["runner_id"],
        run_id=row["run_id"],
        bound_at=rfc3339(row["bound_at"]),
        ended_at=rfc3339_or_none(row["ended_at"]),
        reason=row["reason"],
    )


def render_session(
    row: Columns,
    usage: UsageTotal,
    *,
    work: Columns | None = None,
    stands: Standing | None = None,
    budget: Budget | None = None,
) -> wire.Session:
    """A session; the row is one of the query `session_cards`, `work` one of `work_cards`, `stands` how that stands."""
    ended = row["status"] in _ENDED
    return wire.Session(
        session_id=row["session_id"],
        status=row["status"],
        group=group_of_row(row),
        title=row["title"],
        agent_name=row["agent_name"],
        executor_type=row["executor_type"],
        model=row["model"],
        project_id=row["project_id"],
        milestone_id=row["milestone_id"],
        created_by=row["created_by"],
        context=row["context"],
        portable=bool(row["portable"]),
        labels=json.loads(row["labels"]),
        project_dir=row["project_dir"],
        hostname=row["attempt_hostname"] or row["binding_hostname"],
        binding=_open_binding(row),
        external=bool(row["external"]),
        queued_runs=row["queued_runs"],
        run_count=row["run_count"],
        latest_run_id=row["latest_run_id"],
        reason=row["end_reason"] if ended else None,
        reason_text=_end_of_session(row) if ended else None,
        exit_code=row["end_exit_code"] if ended else None,
        last_seq=row["last_seq"],
        usage=usage,
        work=None if work is None else _work_state(work, row["lifecycle"], stands),
        budget=budget,
        **_lineage(row),
        **_work(row),
        **_times_of_session(row),
    )


def group_of_row(row: Columns) -> str:
    """Where a session stands on the callboard; the row holds its columns and `live` (1 when a run of it is live)."""
    return group_of(
        row["status"],
        waiting_for=row["waiting_for"],
        lifecycle=row["lifecycle"],
        live=bool(row["live"]),
        queued_runs=row["queued_runs"],
        undeliverable=bool(row["undeliverable"]),
    )


def _end_of_session(row: Columns) -> str | None:
    return sentence_of_end(row["end_reason"], row["end_stopped_by"], row["end_error_message"], row["end_error_code"])


def _lineage(row: Columns) -> dict[str, Any]:
    return {
        "parent_session_id": row["parent_session_id"],
        "root_session_id": row["root_session_id"],
        "depth": row["depth"],
        "forked_from_session_id": row["forked_from"],
        "children": wire.Children(total=row["children_total"], ended=row["children_total"] - row["children_busy"]),
    }


def _work(row: Columns) -> dict[str, Any]:
    workspace = _json(row["workspace"])
    return {
        "handle": row["handle"],
        "issues": json.loads(row["issues"]),
        "workspace": None if workspace is None else render_workspace(workspace),
        "lifecycle": row["lifecycle"],
        "waiting_for": row["waiting_for"],
        "held_callbacks": row["held_callbacks"],
        "summary": row["summary"],
    }


def _work_state(row: Columns, lifecycle: str, stands: Standing | None) -> WorkState:
    same = (
        "state",
        "undo_error",
        "base_branch",
        "lifecycle_before",
        "pull_request_url",
        "guidance",
        "task_id",
    )
    return WorkState(
        **{name: row[name] for name in same},
        stuck_reason=None if lifecycle in ENDED else row["stuck_reason"],
        ended_reason=row["stuck_reason"] if lifecycle in ENDED else None,
        heartbeat_at=rfc3339_or_none(row["heartbeat_at"]),
        lifecycle_at=rfc3339(row["lifecycle_at"]),
        checks=_checks(row),
        actions=legal_actions(lifecycle),
        next_step=next_step(stands) if stands else None,
        next_move=next_move(stands) if stands else None,
    )


def _checks(row: Columns) -> WorkChecks | None:
    if (row["run_checks"] or "[]") == "[]":
        return None
    if row["run_outcomes"] is None:
        return None if row["run_ended_at"] else WorkChecks(state="running", failing=[])
    outcomes = msgspec.json.decode(row["run_outcomes"], type=list[CheckOutcome])
    failing = [one.name for one in outcomes if not one.passed]
    return WorkChecks(state="failed" if failing else "passed", failing=failing)


def _times_of_session(row: Columns) -> dict[str, Any]:
    return {
        "created_at": rfc3339(row["created_at"]),
        "updated_at": rfc3339(row["updated_at"]),
        "last_resumed_at": rfc3339_or_none(row["last_resumed_at"]),
        "ended_at": rfc3339_or_none(row["ended_at"]),
        "archived_at": rfc3339_or_none(row["archived_at"]),
    }


def _open_binding(row: Columns) -> wire.Binding | None:
    if row["binding_generation"] is None:
        return None
    prefix = "binding_"
    return render_binding({name.removeprefix(prefix): row[name] for name in row if name.startswith(prefix)})


def render_workspace(workspace: Columns) -> wire.Workspace:
    """A workspace from its JSON object."""
    return wire.Workspace(
        hostname=workspace["hostname"],
        path=workspace["path"],
        branch=workspace.get("branch"),
        base_commit=workspace.get("base_commit"),
    )


def render_runner(row: Columns, *, live_runs: int, now_ms: int, rules: runners.LeaseRules) -> wire.Runner:
    """A runner; the row holds every column of `runners`."""
    draining = bool(row["draining"])
    return wire.Runner(
        runner_id=row["runner_id"],
        name=row["name"],
        hostname=row["hostname"],
        project_dir=row["project_dir"],
        roots=json.loads(row["roots"]),
        executor_types=json.loads(row["executor_types"]),
        tags=json.loads(row["tags"]),
        require_matching_tags=bool(row["require_matching_tags"]),
        slots=row["slots"],
        live_runs=live_runs,
        state=runners.runner_state(draining, row["last_heard_at"], now_ms, rules),
        draining=draining,
        version=row["version"],
        epoch=row["epoch"],
        facts=json.loads(row["facts"]),
        clock_skew_ms=row["clock_skew_ms"],
        registered_at=rfc3339(row["registered_at"]),
        last_heard_at=rfc3339(row["last_heard_at"]),
    )


def render_approval(row: Columns) -> steering.Approval:
    """An approval; the row holds every column of `approvals`, and the label of whoever decided."""
    same = ("approval_id", "status", "session_id", "run_id", "attempt", "tool_name", "tool_use_id", "description")
    more = ("project_dir", "risk", "content_hash", "scope", "granted_by", "decided_by", "decided_by_label", "reason")
    tool_input = json.loads(row["tool_input"])
    allows = session_allows(row["tool_name"], tool_input, row["project_dir"]) if row["grant_key"] else None
    return steering.Approval(
        **{name: row[name] for name in (*same, *more)},
        tool_input=tool_input,
        risk_notes=risk_notes(tool_input),
        session_allows=allows,
        updated_input=_json(row["updated_input"]),
        requested_at=rfc3339(row["requested_at"]),
        decided_at=rfc3339_or_none(row["decided_at"]),
    )


def render_callback(row: Columns) -> steering.Callback:
    """A callback; the row holds every column of `callbacks`."""
    return steering.Callback(
        callback_id=row["callback_id"],
        status=row["status"],
        child_session_id=row["child_session_id"],
        child_run_id=row["child_run_id"],
        receiver_session_id=row["receiver_session_id"],
        run_id=row["run_id"],
        tries=row["tries"],
        why=row["why"],
        created_at=rfc3339(row["created_at"]),
        updated_at=rfc3339(row["updated_at"]),
        accepted_at=rfc3339_or_none(row["accepted_at"]),
    )


def render_token(row: Columns) -> wire.Token:
    """A token without its secret; the row holds every column of `tokens`, the hash is not looked at."""
    return wire.Token(
        token_id=row["token_id"],
        kind=row["kind"],
        label=row["label"],
        project_id=row["project_id"],
        session_id=row["session_id"],
        runner_id=row["runner_id"],
        created_at=rfc3339(row["created_at"]),
        expires_at=rfc3339_or_none(row["expires_at"]),
        revoked_at=rfc3339_or_none(row["revoked_at"]),
    )


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def render_event(event: StoredEvent) -> wire.Event:
    """An entry of a session's log."""
    return wire.Event(
        session_id=event.session_id,
        seq=event.seq,
        cursor=event.cursor,
        run_id=event.run_id,
        attempt=event.attempt,
        type=event.type,
        at=rfc3339(event.at),
        source_at=rfc3339_or_none(event.source_at),
        payload=event.payload,
    )
