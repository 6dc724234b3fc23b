"""The rows of a run that another process leads: session, run, attempt, binding and events, inside one transaction."""

from typing import Any, Final

import msgspec

from callboard.coordinator.services import run_changes
from callboard.coordinator.services.bindings import native_id, open_generation, own_conversation
from callboard.domain import event as event_types
from callboard.domain.caller import Caller
from callboard.domain.demands import Demands, canonical, demand_class
from callboard.store.database import Row, Transaction
from callboard.wire.requests import CreateExternalSession
from callboard.wire.runner import Bind

RUNNER_ID: Final = "external"
"""Stands where a runner's id would: there is none."""
_BOUND: Final = ("executor_type", "executor_session_id", "hostname", "project_dir")


class Leading(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that another process leads from now on, as which run and for how long unheard (milliseconds)."""

    request: CreateExternalSession
    caller: Caller
    run_id: str
    lease_ms: int


def insert_session(tx: Transaction, leading: Leading, session_id: str, parent: Row | None) -> None:
    """A new session with its first run, running."""
    request = leading.request
    session = {
        "session_id": session_id,
        "parent_session_id": parent["session_id"] if parent else None,
        "root_session_id": parent["root_session_id"] if parent else session_id,
        "depth": parent["depth"] + 1 if parent else 0,
        "context": "persistent",
        "agent_name": request.agent_name,
        "executor_type": request.executor_type,
        "title": request.title or f"{request.executor_type} in {request.project_dir}",
        "project_dir": request.project_dir,
    }
    tx.run(
        "insert_session",
        **session,
        created_by=leading.caller.token_id,
        external=1,
        project_id=_project(leading.caller, parent),
        labels="{}",
        portable=0,
        status="pending",
        queued_runs=0,
        run_count=1,
        latest_run_id=leading.run_id,
        now=tx.now_ms,
    )
    tx.run("take_native_id", **native_id(request), session_id=session_id)
    _begin(tx, leading, session_id, 1, created=session | {"external": True, "labels": {}})


def insert_resume(tx: Transaction, leading: Leading, session: Row) -> None:
    """A later run of an idle session, running; runs that wait go on waiting behind it."""
    taken = tx.all(
        "add_run_to_session",
        session_id=session["session_id"],
        run_id=leading.run_id,
        executor_type=leading.request.executor_type,
        now=tx.now_ms,
    )
    tx.run("resumed_session", session_id=session["session_id"], now=tx.now_ms)
    tx.run("withhold_runs", session_id=session["session_id"])
    _begin(tx, leading, session["session_id"], taken[0]["run_count"], created=None)


def _project(caller: Caller, parent: Row | None) -> str | None:
    return parent["project_id"] if parent and parent["project_id"] else caller.project_id


def _begin(tx: Transaction, leading: Leading, session_id: str, number: int, *, created: dict[str, Any] | None) -> None:
    _insert_run(tx, leading, session_id, number)
    _claim_and_start(tx, leading)
    run = tx.all("run_for_report", run_id=leading.run_id)[0]
    if created is not None:
        run_changes.note_event(tx, run, event_types.SESSION_CREATED, created)
    run_changes.note_event(tx, run, event_types.RUN_START, _start_payload(tx, run))
    _bind(tx, leading, run)
    run_changes.refresh_session(tx, session_id)
    run_changes.changed(tx, run, "running")


def _demands(request: CreateExternalSession) -> Demands:
    return Demands(executor_type=request.executor_type, hostname=request.hostname, project_dir=request.project_dir)


def _insert_run(tx: Transaction, leading: Leading, session_id: str, number: int) -> None:
    request = leading.request
    demands = _demands(request)
    tx.run(
        "insert_run",
        run_id=leading.run_id,
        session_id=session_id,
        number=number,
        type="start_session" if number == 1 else "resume_session",
        trigger="external",
        prompt=None,
        parameters=None,
        agent=None,
        agent_name=request.agent_name,
        executor_type=request.executor_type,
        demands=canonical(demands),
        demand_class=demand_class(demands),
        execution_mode="async_poll",
        priority=0,
        limits="{}",
        on_lost="fail",
        repeatable=0,
        model=None,
        permission_mode=None,
        project_dir=request.project_dir,
        traceparent=None,
        created_by=leading.caller.token_id,
        from_log=0,
        caller_session_id=None,
        queue_key=tx.now_ms,
        queue_deadline_at=None,
        no_match_ms=0,
        retry_of=None,
        created_at=tx.now_ms,
    )


def _claim_and_start(tx: Transaction, leading: Leading) -> None:
    lease_expires_at = tx.now_ms + leading.lease_ms
    claimed = tx.all(
        "claim_run",
        run_id=leading.run_id,
        demand_class=demand_class(_demands(leading.request)),
        runner_id=RUNNER_ID,
        epoch=0,
        now=tx.now_ms,
        lease_expires_at=lease_expires_at,
        unheard_at=None,
    )
    attempt = claimed[0]["attempt"]
    tx.run(
        "insert_attempt",
        run_id=leading.run_id,
        attempt=attempt,
        runner_id=RUNNER_ID,
        hostname=leading.request.hostname,
        now=tx.now_ms,
    )
    tx.run(
        "start_run",
        run_id=leading.run_id,
        attempt=attempt,
        now=tx.now_ms,
        deadline_at=None,
        lease_expires_at=lease_expires_at,
    )


def _start_payload(tx: Transaction, run: Row) -> dict[str, Any]:
    shown = ("run_id", "number", "type", "trigger", "attempt", "runner_id", "executor_type", "project_dir")
    last = tx.all("last_generation", session_id=run["session_id"])[0]
    return {name: run[name] for name in shown} | {"binding_generation": last["generation"]}


def _bind(tx: Transaction, leading: Leading, run: Row) -> None:
    """The conversation of the request; the open binding stays when it is just that."""
    bind = Bind(**{name: getattr(leading.request, name) for name in _BOUND})
    own_conversation(tx, run["session_id"], bind)
    bound = tx.one("open_binding", session_id=run["session_id"])
    if bound is None or any(bound[name] != getattr(bind, name) for name in _BOUND):
        open_generation(tx, run, bound, bind)
    tx.run("bound_attempt", run_id=run["run_id"], attempt=run["attempt"], bound_id=leading.request.executor_session_id)
