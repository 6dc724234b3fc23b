"""Runs that follow another one of their session: the same rights, limits and demands. Makes none."""

import json
from typing import Any

import msgspec

from callboard.coordinator.services.claims import was_cut_off
from callboard.coordinator.services.new_run import NewRun
from callboard.domain.callback import NONCE_PARAMETER
from callboard.domain.caller import Caller
from callboard.domain.run import CONTINUATION_PROMPT
from callboard.store.database import Row, Transaction
from callboard.wire.requests import AdditionalDemands, CreateRun, Limits

_CUT_OFF = ("interrupted", "timeout", "stopped", "budget_exceeded", "max_turns")


def request_like(run: Row, prompt: str) -> CreateRun:
    """A resume with this prompt as the run was asked for, without a deadline for its wait in the queue."""
    return _resume(run, prompt, {**_limits_of(run), "queue_timeout_seconds": None})


def _resume(run: Row, prompt: str, limits: dict[str, Any], parameters: dict[str, Any] | None = None) -> CreateRun:
    given = {name: value for name, value in limits.items() if value}  # no limit is 0; budgets could be once
    return CreateRun(
        type="resume_session",
        session_id=run["session_id"],
        prompt=prompt,
        parameters=parameters,
        executor_type=run["executor_type"],
        project_dir=run["project_dir"],
        additional_demands=AdditionalDemands(tags=json.loads(run["demands"]).get("tags", [])),
        execution_mode=run["execution_mode"] if run["caller_session_id"] else "sync",
        on_lost=run["on_lost"],
        repeatable=bool(run["repeatable"]),
        priority=run["priority"],
        model=run["model"],
        permission_mode=run["permission_mode"],
        limits=msgspec.convert(given, Limits) if given else None,
    )


def _limits_of(run: Row) -> dict[str, Any]:
    limits: dict[str, Any] = json.loads(run["limits"])
    return limits


def _parameters_of(run: Row) -> dict[str, Any] | None:
    """What a run was given besides its prompt; not the nonce of a prompt that we wrote."""
    parameters: dict[str, Any] = json.loads(run["parameters"]) if run["parameters"] else {}
    parameters.pop(NONCE_PARAMETER, None)
    return parameters or None


def retry_of(tx: Transaction, run: Row, caller: Caller, offered: frozenset[str]) -> NewRun:
    """A run that was cut off goes on in its conversation; one that failed is asked the same again."""
    bound = tx.one("open_binding", session_id=run["session_id"]) is not None
    cut_off = bound and was_cut_off(tx, run["run_id"], run["attempt"] + 1)
    goes_on = cut_off and run["context"] == "persistent" and run["reason"] in _CUT_OFF
    prompt = CONTINUATION_PROMPT if goes_on else run["prompt"] or ""
    request = _resume(run, prompt, _limits_of(run), _parameters_of(run))
    return NewRun(
        request=request,
        prompt=prompt,
        caller=caller,
        parent_session_id=run["caller_session_id"],
        executor_type=run["executor_type"],
        offered_executors=offered | {run["executor_type"]},
        no_match_ms=run["no_match_ms"],
        traceparent=run["traceparent"],
        retry_of=run["run_id"],
    )
