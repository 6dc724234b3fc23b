"""What is known of tasks before a start, kept until their worktree is there: a start that fails changes nothing.

Decides nothing; the session is new, or locked by the caller.
"""

import json
from collections.abc import Sequence
from typing import Final

from callboard.store.database import Row, Transaction

_OF_TASK: Final = ("task_id", "session_id", "iteration", "outcome", "started_at", "ended_at", "closing")
_OF_MILESTONE: Final = ("milestone_id", "state", "session_id", "started_at")


def keep(tx: Transaction, session_id: str, tasks: Sequence[Row], milestone: Row | None = None) -> None:
    """Remember with a work session how the tasks, and their milestone, were before it."""
    kept = {
        "tasks": [{name: task[name] for name in _OF_TASK} for task in tasks],
        "milestone": {name: milestone[name] for name in _OF_MILESTONE} if milestone is not None else None,
    }
    tx.run("keep_tasks_before", session_id=session_id, tasks_before=json.dumps(kept))


def put_back(tx: Transaction, work: Row) -> None:
    """The worktree was not made: tasks that nobody has begun since are as they were; the session is closed."""
    kept = json.loads(work["tasks_before"]) if work["tasks_before"] else None
    if kept is None:
        return
    for task in kept["tasks"]:
        tx.run("put_back_task", **task, failed_session_id=work["session_id"])
    if kept["milestone"] is not None:
        tx.run("put_back_milestone", **kept["milestone"], failed_session_id=work["session_id"])
    tx.run("close_session", session_id=work["session_id"], now=tx.now_ms)
