"""The request for a run like the session's latest one: the same rights, limits and demands. Knows no transaction."""

import json
from typing import Any

import msgspec

from callboard.store.database import Row
from callboard.wire.requests import AdditionalDemands, CreateRun, Limits


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
