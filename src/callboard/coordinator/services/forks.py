"""A fork: a new session that is told in words what another one was asked and answered, and goes on by itself.

It has the agent, the place, the rights and the bounds of that one's latest run, and is nobody's child.
"""

import json
from typing import Any, Final

import msgspec

from callboard.coordinator.services.claims import earlier_turns
from callboard.coordinator.services.new_run import NewRun
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict
from callboard.store.database import Row, Transaction
from callboard.wire.requests import AdditionalDemands, CreateRun, ForkSession, Limits

TITLE_CHARACTERS: Final = 200


def fork_of(
    tx: Transaction, session: Row, asked: ForkSession, caller: Caller, *, offered: frozenset[str], no_match_ms: int
) -> NewRun:
    """The first run of the fork. Conflict `not_forkable` for work on issues, and where there is nothing to tell."""
    runs = tx.all("runs_to_tell", session_id=session["session_id"])
    _check_forkable(session, runs)
    latest = runs[0]
    request = CreateRun(
        type="start_session",
        prompt=earlier_turns(runs) + asked.prompt,
        agent_name=session["agent_name"],
        executor_type=latest["executor_type"],
        title=asked.title or _title(session),
        project_dir=session["project_dir"],
        project=session["project_id"],
        additional_demands=AdditionalDemands(tags=json.loads(latest["demands"]).get("tags", [])),
        context=session["context"],
        priority=latest["priority"],
        model=latest["model"],
        permission_mode=latest["permission_mode"],
        limits=_limits(runs),
        labels=json.loads(session["labels"]),
    )
    return NewRun(
        request=request,
        prompt=request.prompt or "",
        caller=caller,
        parent_session_id=None,
        executor_type=latest["executor_type"],
        offered_executors=offered | {latest["executor_type"]},
        no_match_ms=no_match_ms,
        forked_from=session["session_id"],
    )


def _check_forkable(session: Row, runs: list[Row]) -> None:
    session_id = session["session_id"]
    if session["handle"] is not None or session["workspace"] is not None:
        raise Conflict(
            f"{session_id} works in a worktree, which no two sessions may write to.",
            code="not_forkable",
            hint="Spawn its issues once more on a branch of their own.",
        )
    if session["external"] or not any(run["prompt"] for run in runs):
        raise Conflict(
            f"Nothing that {session_id} was asked is kept, so that a fork could be told nothing.",
            code="not_forkable",
            hint="Start a new session, and say in its prompt what it has to know.",
        )


def _title(session: Row) -> str:
    return f"Fork of {session['title'] or session['session_id']}"[:TITLE_CHARACTERS]


def _limits(runs: list[Row]) -> Limits | None:
    """Those that the session was begun with, the budget too, as far as its latest run says nothing else."""
    first = runs[-1]["limits"] if runs[-1]["number"] == 1 else "{}"
    limits: dict[str, Any] = json.loads(first) | json.loads(runs[0]["limits"])
    limits.pop("queue_timeout_seconds", None)
    given = {name: value for name, value in limits.items() if value}  # no limit is 0; budgets could be once
    return msgspec.convert(given, Limits) if given else None
