"""Makes a run, and its session when it is the first, in one transaction: all that can be refused is refused first."""

import json
from typing import Any

import msgspec

from callboard.coordinator.services import budget_changes, run_changes, task_loop, work_runs
from callboard.coordinator.services.access import require_steering, visible_session
from callboard.coordinator.services.affinity import affinity_of, grounded, prefer
from callboard.coordinator.services.agent_choice import named_agent
from callboard.coordinator.services.callback_requests import check_callback
from callboard.coordinator.services.fleet import record_class
from callboard.coordinator.services.foreign_text import guarded
from callboard.coordinator.services.inheritance import narrowed
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.new_run import NewRun
from callboard.coordinator.services.run_agents import Snapshot, demands_of, limits_of, prompt_of, with_defaults
from callboard.coordinator.services.run_requests import BUILT_IN_EXECUTORS, named_executor, requested_demands
from callboard.coordinator.services.tree_limits import check_tree
from callboard.domain import event as event_types
from callboard.domain import ids
from callboard.domain.demands import Demands, canonical, demand_class, merge
from callboard.domain.errors import Conflict, InvalidRequest, NotFound
from callboard.domain.ids import Ids
from callboard.domain.portability import PORTABLE_EXECUTORS
from callboard.domain.run import queue_key
from callboard.store.database import Row, Transaction
from callboard.store.events import NewEvent, append
from callboard.store.hints import Queued, RunChanged
from callboard.wire.requests import CreateRun, Limits
from callboard.wire.responses import RunCreated

TITLE_CHARACTERS = 80


def create(tx: Transaction, new: NewRun, run_ids: Ids, limits: TreeLimits) -> RunCreated:
    """The run, and its session; raises before anything is written."""
    parent = _parent(tx, new)
    check_callback(tx, new, parent)
    if new.request.type == "resume_session":
        return _resume(tx, new, run_ids, limits)
    return _start(tx, new, parent, run_ids, limits)


def _parent(tx: Transaction, new: NewRun) -> Row | None:
    if new.parent_session_id is None:
        return None
    try:
        return visible_session(tx, new.caller, new.parent_session_id)
    except NotFound:
        raise NotFound(
            f"There is no session {new.parent_session_id} that could be the parent.",
            code="parent_not_found",
            hint="Leave parent_session_id out to start a root session.",
        ) from None


def _with_agent(tx: Transaction, new: NewRun, agent: Snapshot | None, executor_type: str) -> NewRun:
    """The run with its agent, within what the caller may; with the prompt that the agent gets."""
    prompt, request, usual = new.prompt, new.request, agent
    if new.repeats:
        usual = None
    else:
        prompt = prompt_of(request, agent)
        request = request if agent is None else with_defaults(request, agent)
    request = narrowed(tx, new.caller, request, executor_type, usual, retry=new.retry_of is not None)
    return msgspec.structs.replace(new, request=request, prompt=prompt, agent=agent, executor_type=executor_type)


def _start(tx: Transaction, new: NewRun, parent: Row | None, run_ids: Ids, limits: TreeLimits) -> RunCreated:
    project_id = _project(tx, new, parent)
    agent = named_agent(tx, new.request, project_id, parent, new.agent_directory)
    usual, asked = (agent or {}).get("executor"), new.request.limits
    new = _with_agent(tx, new, agent, named_executor(new.request) or usual or new.executor_type)
    request = new.request
    demands = guarded(tx, new, None, grounded(tx, _demands(new, None, None, None), parent))
    if parent is not None:
        check_tree(tx, parent, limits)
    session_id, run_id = new.session_id or run_ids.new(ids.SESSION), run_ids.new(ids.RUN)
    session = {
        "session_id": session_id,
        "parent_session_id": parent["session_id"] if parent else None,
        "root_session_id": parent["root_session_id"] if parent else session_id,
        "depth": parent["depth"] + 1 if parent else 0,
        "created_by": new.caller.token_id,
        "context": request.context or "persistent",
        "portable": int(_portable(new)),
        "project_id": project_id,
        "agent_name": request.agent_name,
        "executor_type": new.executor_type,
        "title": request.title or _title(new),
        "labels": json.dumps(request.labels or {}),
        "project_dir": request.project_dir,
    }
    tx.run(
        "insert_session",
        **session,
        external=0,
        status="pending",
        queued_runs=1,
        run_count=1,
        latest_run_id=run_id,
        now=tx.now_ms,
    )
    if new.forked_from is not None:
        tx.run("fork_session", session_id=session_id, forked_from=new.forked_from)
    budget_changes.enter(tx, session_id, asked, None if new.repeats else limits_of(agent))
    _draw(tx, new, session_id)
    created = _session_event(session | {"forked_from": new.forked_from}, request)
    _insert(tx, new, session, run_id, 1, demands, idle=not new.held, before=[created])
    return RunCreated(run_id=run_id, session_id=session_id, status="pending")


def _resume(tx: Transaction, new: NewRun, run_ids: Ids, limits: TreeLimits) -> RunCreated:
    request = new.request
    session = visible_session(tx, new.caller, request.session_id or "")
    require_steering(tx, new.caller, session)
    live = tx.one("live_run_of_session", session_id=session["session_id"])
    _check_resumable(new, session, live, limits)
    worktree_waits = _waits_for_worktree(tx, session)
    work = work_runs.check_work(tx, new, session)
    agent = named_agent(tx, request, session["project_id"], session)
    usual = (agent or {}).get("executor")
    executor_type = named_executor(request) or usual or session["executor_type"] or new.executor_type
    new = _with_agent(tx, new, agent or _agent_before(tx, new, session), executor_type)
    new = _without_budget(new)
    _draw(tx, new, session["session_id"])
    binding = None if request.from_log else tx.one("open_binding", session_id=session["session_id"])
    demands = guarded(tx, new, session, grounded(tx, _demands(new, session, binding, session["project_dir"]), session))
    current = live or _lost_run(tx, session)
    if current and request.on_busy == "interrupt":
        more = {"root_session_id": session["root_session_id"], "session_project_id": session["project_id"]}
        run_changes.halt(tx, current | more, "busy")
        live = tx.one("live_run_of_session", session_id=session["session_id"])
        session = visible_session(tx, new.caller, session["session_id"])
    if work is not None:
        work_runs.begin(tx, new, work, run_ids)
    run_id = run_ids.new(ids.RUN)
    taken = tx.one(
        "add_run_to_session",
        session_id=session["session_id"],
        run_id=run_id,
        executor_type=executor_type,
        now=tx.now_ms,
    )
    if taken is None:
        raise RuntimeError(f"session {session['session_id']} vanished inside a transaction")
    tx.run("resumed_session", session_id=session["session_id"], now=tx.now_ms)
    before = [] if agent is None else _named(tx, session, agent["name"])
    idle = live is None and session["queued_runs"] == 0 and not worktree_waits
    _insert(tx, new, session, run_id, taken["run_count"], demands, idle=idle, before=before)
    if work is not None and new.trigger != "callback":
        task_loop.adopt(tx, session["session_id"], run_id)
    _prefer(tx, new, session, binding, run_id)
    if work is not None and live is None:
        run_changes.refresh_session(tx, session["session_id"])
    return RunCreated(run_id=run_id, session_id=session["session_id"], status="pending")


def _draw(tx: Transaction, new: NewRun, session_id: str) -> None:
    """The run draws from its session's pool, which holds again what it gave back; who was asked for more gets less."""
    budget_changes.check_price(tx, session_id, new.request.model)
    budget_changes.open_for_run(tx, session_id, partly=new.repeats)


def _without_budget(new: NewRun) -> NewRun:
    """A later run has the budget of its session, whatever its agent, or the run that it follows, says."""
    if new.request.limits is None:
        return new
    limits = msgspec.structs.replace(new.request.limits, budget_microdollars=None, budget_tokens=None)
    request = msgspec.structs.replace(new.request, limits=None if limits == Limits() else limits)
    return msgspec.structs.replace(new, request=request)


def _portable(new: NewRun) -> bool:
    """Whether the session's transcript is kept; InvalidRequest when that was asked for and cannot be."""
    able = new.executor_type in PORTABLE_EXECUTORS and new.request.context != "fresh"
    if new.request.portable and not able:
        kept = ", ".join(sorted(PORTABLE_EXECUTORS))
        raise InvalidRequest(
            "A fresh session has no conversation that another host could go on with."
            if new.request.context == "fresh"
            else f"No transcript is kept of {new.executor_type}.",
            code="not_portable",
            hint=f"Leave portable out, or use context persistent and one of: {kept}.",
            errors=[{"pointer": "/portable", "message": "cannot be"}],
        )
    return able and (new.portable if new.request.portable is None else new.request.portable)


def _prefer(tx: Transaction, new: NewRun, session: Row, binding: Row | None, run_id: str) -> None:
    """Of a portable session the host of the conversation is a preference, unless the request names one."""
    more = new.request.additional_demands
    strict = not session["portable"] or (more is not None and more.hostname is not None)
    place = None if strict else affinity_of(session, binding, new.executor_type)
    if place is not None and place.hostname is not None:
        prefer(tx, run_id, place.hostname)


def _agent_before(tx: Transaction, new: NewRun, session: Row) -> Snapshot | None:
    """The agent that the session goes on with: as it was for the run before, or for the run that is tried again."""
    before = tx.one("run_by_id", run_id=new.retry_of or session["latest_run_id"])
    return None if before is None or before["agent"] is None else json.loads(before["agent"])


def _named(tx: Transaction, session: Row, agent_name: str) -> list[NewEvent]:
    """The session goes on with an agent of this name."""
    if session["agent_name"] == agent_name:
        return []
    tx.run("name_agent_of_session", session_id=session["session_id"], agent_name=agent_name, now=tx.now_ms)
    return [NewEvent(type=event_types.SESSION_UPDATED, payload=msgspec.json.encode({"agent_name": agent_name}))]


def _check_resumable(new: NewRun, session: Row, live: Row | None, limits: TreeLimits) -> None:
    session_id = session["session_id"]
    if new.request.context not in (None, session["context"]):
        raise InvalidRequest(
            f"The context of {session_id} is {session['context']}; it is fixed when a session is created.",
            hint="Leave context out, or start a new session.",
            errors=[{"pointer": "/context", "message": f"is {session['context']}"}],
        )
    if session["archived_at"] is not None:
        raise Conflict(
            f"{session_id} is archived.", code="session_archived", hint=f"callboard session unarchive {session_id}"
        )
    if live is not None and run_changes.is_external(live):
        raise Conflict(
            f"{session_id} is led by another process until its lease ends.",
            code="session_external",
            hint="End that process, or wait until it has been silent for its lease.",
        )
    busy = live is not None or session["queued_runs"] > 0
    if busy and new.request.on_busy == "reject":
        raise Conflict(
            f"{session_id} has a run that is {live['status'] if live else 'pending'}.",
            code="session_busy",
            hint="Use on_busy=enqueue to wait, or on_busy=interrupt to stop it.",
        )
    if session["queued_runs"] >= limits.waiting_runs_per_session:
        raise Conflict(f"{session_id} has {session['queued_runs']} waiting runs already.", code="limit_reached")


def _waits_for_worktree(tx: Transaction, session: Row) -> bool:
    """Whether the worktree of a work session is still being made; Conflict when there is none and will be none."""
    work = None if session["handle"] is None else tx.one("work_session", session_id=session["session_id"])
    if work is None or work["state"] == "prepared":
        return False
    if work["state"] == "preparing":
        return True
    raise Conflict(
        f"The worktree of {session['session_id']} is not there any more.",
        code="worktree_missing",
        hint=f"Start the work anew: callboard spawn {session['handle']}",
    )


def _lost_run(tx: Transaction, session: Row) -> Row | None:
    """The run that was lost and waits for its retry: it was begun, so it is the one that an interrupt means."""
    head = tx.one("head_run_of_session", session_id=session["session_id"])
    run = None if head is None else tx.one("run_by_id", run_id=head["run_id"])
    return run if run is not None and run["interrupted_at"] is not None else None


def _project(tx: Transaction, new: NewRun, parent: Row | None) -> str | None:
    if new.request.project is not None:
        row = tx.one("project_by_name", project=new.request.project)
        if row is None or not new.caller.sees_project(row["project_id"]):
            raise NotFound(f"There is no project {new.request.project!r}.", code="project_not_found")
        return str(row["project_id"])
    if parent is not None and parent["project_id"] is not None:
        return str(parent["project_id"])
    return new.caller.project_id


def _demands(new: NewRun, session: Row | None, binding: Row | None, session_dir: str | None) -> Demands:
    """Affinity, then the agent, then the request; contradictions are refused."""
    executor_type = new.executor_type
    if executor_type not in BUILT_IN_EXECUTORS and executor_type not in new.offered_executors:
        known = ", ".join(sorted({*BUILT_IN_EXECUTORS, *new.offered_executors}))
        raise InvalidRequest(
            f"There is no executor {executor_type!r}.", code="unknown_executor", hint=f"Known: {known}."
        )
    own, more = requested_demands(new.request, executor_type)
    goes_on = session is not None and new.request.agent_name is None
    affinity = affinity_of(session, binding, executor_type)
    if affinity is None and session_dir and own.project_dir is None and (more is None or more.project_dir is None):
        affinity = Demands(executor_type=executor_type, project_dir=session_dir)
    return merge(
        ("the session's affinity", affinity),
        ("the agent", demands_of(new.agent, executor_type, tags_only=goes_on)),
        ("the request", own),
        ("additional_demands", more),
        executor_type=executor_type,
    )


def _insert(
    tx: Transaction,
    new: NewRun,
    session: Row,
    run_id: str,
    number: int,
    demands: Demands,
    *,
    idle: bool,
    before: list[NewEvent],
) -> None:
    """The run's row, its events and, when its session is idle, its place in the queue."""
    text = canonical(demands)
    key = queue_key(tx.now_ms, new.request.priority)
    trigger = new.trigger or ("agent" if new.caller.kind == "session" else "user")
    place = {"run_id": run_id, "session_id": session["session_id"]}
    tx.run(
        "insert_run",
        **place,
        **_asked(new, tx.now_ms),
        number=number,
        trigger=trigger,
        agent=None if new.agent is None else json.dumps(new.agent),
        agent_name=session["agent_name"] if new.agent is None else new.agent["name"],
        executor_type=demands.executor_type,
        demands=text,
        demand_class=record_class(tx, demands, text),
        queue_key=key if idle else None,
        created_at=tx.now_ms,
    )
    queued = {"run_id": run_id, "number": number, "type": new.request.type, "trigger": trigger}
    if new.message_id is not None:
        queued["message_id"] = new.message_id
    append(
        tx,
        session["session_id"],
        session["root_session_id"],
        [*before, NewEvent(type=event_types.RUN_QUEUED, payload=msgspec.json.encode(queued))],
        run_id=run_id,
        attempt=None,
    )
    tx.hint(RunChanged(**place, status="pending"))
    if idle:
        tx.hint(Queued(**place, demand_class=demand_class(demands), queue_key=key))


def _asked(new: NewRun, now_ms: int) -> dict[str, Any]:
    """The columns of a run that say what was asked for."""
    request = new.request
    wait = request.limits.queue_timeout_seconds if request.limits else None
    return {
        "type": request.type,
        "prompt": new.prompt,
        "parameters": json.dumps(request.parameters) if request.parameters is not None else None,
        "execution_mode": request.execution_mode,
        "priority": request.priority,
        "limits": msgspec.json.encode(request.limits).decode() if request.limits else "{}",
        "on_lost": request.on_lost,
        "repeatable": int(request.repeatable),
        "model": request.model,
        "permission_mode": request.permission_mode,
        "project_dir": request.project_dir,
        "traceparent": new.traceparent,
        "created_by": new.caller.token_id,
        "from_log": int(request.from_log),
        "caller_session_id": new.parent_session_id,
        "queue_deadline_at": None if wait is None else now_ms + int(wait * 1000),
        "no_match_ms": _no_match_ms(new),
        "retry_of": new.retry_of,
    }


def _no_match_ms(new: NewRun) -> int:
    asked = new.request.limits.no_match_seconds if new.request.limits else None
    return new.no_match_ms if asked is None else int(asked * 1000)


def _session_event(session: dict[str, Any], request: CreateRun) -> NewEvent:
    shown = (
        "session_id",
        "parent_session_id",
        "root_session_id",
        "depth",
        "context",
        "agent_name",
        "executor_type",
        "title",
    )
    payload = {name: session[name] for name in shown} | {"labels": request.labels or {}}
    if session["forked_from"] is not None:
        payload["forked_from_session_id"] = session["forked_from"]
    return NewEvent(type=event_types.SESSION_CREATED, payload=msgspec.json.encode(payload))


def _title(new: NewRun) -> str:
    asked = new.request.parameters
    prompt = new.prompt if asked is None or new.agent is None else f"{new.agent['name']} {json.dumps(asked)}"
    line = next((line.strip() for line in prompt.splitlines() if line.strip()), "")
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1] + "…"
