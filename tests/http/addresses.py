"""Addresses of routes, with ids in them that are well formed and belong to nothing."""

import secrets

from callboard.coordinator.http.route import Route
from callboard.domain import ids

SAMPLE_IDS = {
    "session_id": ids.IdSource(lambda: 1, secrets.randbits).new(ids.SESSION),
    "run_id": ids.IdSource(lambda: 1, secrets.randbits).new(ids.RUN),
    "approval_id": ids.IdSource(lambda: 1, secrets.randbits).new(ids.APPROVAL),
    "callback_id": ids.IdSource(lambda: 1, secrets.randbits).new(ids.CALLBACK),
    "token_id": ids.IdSource(lambda: 1, secrets.randbits).new(ids.TOKEN),
    "project_id": ids.IdSource(lambda: 1, secrets.randbits).new(ids.PROJECT),
    "job_id": ids.IdSource(lambda: 1, secrets.randbits).new(ids.JOB),
    "task_id": ids.IdSource(lambda: 1, secrets.randbits).new(ids.TASK),
    "milestone_id": ids.IdSource(lambda: 1, secrets.randbits).new(ids.MILESTONE),
    "number": "7",
    "runner_id": "rnr_" + "0" * 20,
    "name": "nobody",
    "rest:path": "sessions",
}


def address(route: Route) -> str:
    """The route's path with ids of nothing in it."""
    path = route.path
    for name, value in SAMPLE_IDS.items():
        path = path.replace(f"{{{name}}}", value)
    return path
