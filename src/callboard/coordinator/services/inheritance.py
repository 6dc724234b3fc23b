"""What a run that an agent asks for has from the run of that agent, and may not widen: rights, limits, directory.

People are not bound by it. Knows no tree and no queue.
"""

import json
from typing import Final

import msgspec

from callboard.coordinator.services.run_agents import Snapshot, is_demanding, limits_of
from callboard.domain.agent import AgentLimits
from callboard.domain.caller import Caller
from callboard.domain.demands import inside
from callboard.domain.errors import Forbidden
from callboard.domain.permission import effective_mode, is_wider
from callboard.store.database import Row, Transaction
from callboard.wire.requests import CreateRun, Limits

INHERITED_LIMITS: Final = ("timeout_seconds", "max_turns")
"""Limits on what a run does; those on how long it waits for a runner are its own. Budgets are pools: budget_changes."""


def narrowed(
    tx: Transaction, caller: Caller, request: CreateRun, executor_type: str, agent: Snapshot | None, *, retry: bool
) -> CreateRun:
    """The request with what is absent taken from the agent and from the run whose session token asks.

    Forbidden when the request asks for more than that run has. What the agent only says by default is cut to it, and
    so are the limits of a retry, which asks for nothing itself.
    """
    calling = tx.one("run_by_id", run_id=caller.run_id) if caller.kind == "session" else None
    defaults = limits_of(agent)
    if calling is None:
        return msgspec.structs.replace(
            request,
            permission_mode=request.permission_mode or (agent or {}).get("permission_mode"),
            limits=_with_defaults(request.limits, defaults),
        )
    return msgspec.structs.replace(
        request,
        permission_mode=_permission(request, executor_type, agent, calling),
        limits=_with_defaults(_limits(request.limits, defaults, calling, cut=retry), defaults),
        project_dir=_directory(tx, request, agent, calling),
    )


def _with_defaults(asked: Limits | None, defaults: AgentLimits) -> Limits | None:
    given = {name: value for name, value in msgspec.structs.asdict(defaults).items() if value is not None}
    missing = {name: value for name, value in given.items() if asked is None or getattr(asked, name) is None}
    return msgspec.structs.replace(asked or Limits(), **missing) if missing else asked


def _permission(request: CreateRun, executor_type: str, agent: Snapshot | None, calling: Row) -> str | None:
    asked = request.permission_mode
    if is_wider(asked, executor_type, calling["permission_mode"], calling["executor_type"]):
        mode_asked = asked is not None and effective_mode(asked, executor_type) == asked
        raise Forbidden(
            f"{asked if mode_asked else executor_type} would be more than the caller may do itself "
            f"({calling['permission_mode'] or 'its default'}).",
            hint="Leave permission_mode out: a child has what its parent has."
            if mode_asked
            else "Take another executor: what this one runs is never asked about.",
        )
    usual = (agent or {}).get("permission_mode")
    if asked is None and usual is not None:
        parents = (calling["permission_mode"], calling["executor_type"])
        return effective_mode(*parents) if is_wider(usual, executor_type, *parents) else str(usual)
    return asked or calling["permission_mode"]


def _limits(asked: Limits | None, defaults: AgentLimits, calling: Row, *, cut: bool) -> Limits | None:
    callers = json.loads(calling["limits"])
    most = {name: callers[name] for name in INHERITED_LIMITS if callers.get(name) is not None}
    own = {name: getattr(asked, name) for name in most if asked is not None and getattr(asked, name) is not None}
    wider = [name for name, value in own.items() if value > most[name]]
    if wider and not cut:
        raise Forbidden(
            "The caller has less itself: "
            + ", ".join(f"limits.{name} is {most[name]}, not {own[name]}" for name in wider)
            + ".",
            hint="Ask for at most that, or leave it out: a child has the limits of its parent.",
            errors=[{"pointer": f"/limits/{name}", "message": f"at most {most[name]}"} for name in wider],
        )
    if not most:
        return asked
    usual = {name: value for name in most if (value := getattr(defaults, name)) is not None}
    return msgspec.structs.replace(
        asked or Limits(), **{name: min((usual | own).get(name, most[name]), most[name]) for name in most}
    )


def _directory(tx: Transaction, request: CreateRun, agent: Snapshot | None, calling: Row) -> str | None:
    """Inside the directory that the caller works in. A first run that names none, and no other machine, works there."""
    session = tx.one("session_by_id", session_id=calling["session_id"])
    own = calling["project_dir"] or (session["project_dir"] if session else None)
    more = request.additional_demands
    for place, asked in (("", request.project_dir), ("/additional_demands", more.project_dir if more else None)):
        if own is not None and asked is not None and not inside(asked, own):
            raise Forbidden(
                f"{asked} is outside {own}, where the caller works.",
                hint="Name a directory inside it, or leave project_dir out: a child works where its parent does.",
                errors=[{"pointer": f"{place}/project_dir", "message": f"outside {own}"}],
            )
    elsewhere = more is not None and (more.hostname is not None or more.project_dir is not None or more.tags != [])
    elsewhere = elsewhere or is_demanding(agent)
    if request.project_dir is None and request.type == "start_session" and not elsewhere:
        return None if own is None else str(own)
    return request.project_dir
