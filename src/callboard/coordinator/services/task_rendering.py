"""Tasks as they are answered; those of a milestone that has ended as they were when it did. Changes none."""

import json

import msgspec

from callboard.coordinator.services import task_runs
from callboard.domain.checks import CheckOutcome
from callboard.domain.tasks import in_order
from callboard.store.database import Row, Transaction
from callboard.wire.tasks import CheckText, Task
from callboard.wire.times import rfc3339, rfc3339_or_none


def tasks_of_milestone(tx: Transaction, milestone: Row) -> list[Task]:
    """In the order of their dependencies; what became of one later is no matter of a milestone that has ended."""
    if milestone["tasks_at_end"] is not None:
        return msgspec.json.decode(milestone["tasks_at_end"], type=list[Task])
    tasks = {task["number"]: task for task in tx.all("tasks_of_milestone", milestone_id=milestone["milestone_id"])}
    order = in_order({number: json.loads(task["depends_on"]) for number, task in tasks.items()})
    return [render_task(tx, tasks[number]) for number in order]


def render_task(tx: Transaction, row: Row) -> Task:
    """A task as it is answered."""
    said = tx.one(
        "latest_outcomes", task_id=row["task_id"], before=task_runs.NEWEST, session_id=row["session_id"] or ""
    )
    same = ("task_id", "project_id", "number", "outcome", "iteration", "max_iterations", "context", "milestone_id")
    status = "planned" if row["started_at"] is None else "running" if row["ended_at"] is None else "ended"
    return Task(
        **{name: row[name] for name in same},
        title=row["title"] or "",
        status="ended" if row["outcome"] else status,
        checks=msgspec.json.decode(row["checks"], type=list[str | CheckText]),
        depends_on=json.loads(row["depends_on"]),
        session_id=row["session_id"],
        lifecycle=row["lifecycle"],
        run_id=row["run_id"],
        last_checks=msgspec.json.decode(said["outcomes"], type=list[CheckOutcome]) if said else [],
        started_at=rfc3339_or_none(row["started_at"]),
        ended_at=rfc3339_or_none(row["ended_at"]),
        created_at=rfc3339(row["created_at"]),
    )
