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
    limits: dict[str, Any] = json.loads(run["limits"])
    limits.pop("queue_timeout_seconds", None)
    return CreateRun(
        type="resume_session",
        session_id=run["session_id"],
        prompt=prompt,
        executor_type=run["executor_type"],
        project_dir=run["project_dir"],
        additional_demands=AdditionalDemands(tags=json.loads(run["demands"]).get("tags", [])),
        execution_mode=run["execution_mode"] if run["caller_session_id"] else "sync",
        on_lost=run["on_lost"],
        repeatable=bool(run["repeatable"]),
        priority=run["priority"],
        model=run["model"],
        permission_mode=run["permission_mode"],
        limits=msgspec.convert(limits, Limits) if limits else None,
    )


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
    request = CreateRun(
        type="resume_session",
        session_id=run["session_id"],
        prompt=CONTINUATION_PROMPT if goes_on else run["prompt"],
        parameters=_parameters_of(run),
        executor_type=run["executor_type"],
        project_dir=run["project_dir"],
        additional_demands=AdditionalDemands(tags=json.loads(run["demands"]).get("tags", [])),
        execution_mode=run["execution_mode"] if run["caller_session_id"] else "sync",
        on_lost=run["on_lost"],
        repeatable=bool(run["repeatable"]),
        priority=run["priority"],
        model=run["model"],
        permission_mode=run["permission_mode"],
        limits=msgspec.json.decode(run["limits"], type=Limits) if run["limits"] != "{}" else None,
    )
    return NewRun(
        request=request,
        prompt=request.prompt or "",
        caller=caller,
        parent_session_id=run["caller_session_id"],
        executor_type=run["executor_type"],
        offered_executors=offered | {run["executor_type"]},
        no_match_ms=run["no_match_ms"],
        traceparent=run["traceparent"],
        retry_of=run["run_id"],
    )
