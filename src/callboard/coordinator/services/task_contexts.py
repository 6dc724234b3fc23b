"""What the agent of a task's run is told: of the task alone, which checks fail, and what the milestone before found.

Written when the run is claimed. Nothing is said of how often it was tried.
"""

import msgspec

from callboard.coordinator.services import task_runs
from callboard.domain.checks import CheckOutcome
from callboard.domain.task_prompt import DoneTask, failing, summary_prompt
from callboard.domain.worker_prompt import WorkContext, worker_prompt
from callboard.store.database import Row, Transaction


def prompt_of(tx: Transaction, run: Row, context: WorkContext, nonce: str) -> str:
    """The prompt of a run of work on issues, a task's or not."""
    row = tx.one("task_run", run_id=run["run_id"]) if task_runs.is_of_task(run) else None
    if row is None:
        return worker_prompt(context, nonce)
    milestone = tx.one("milestone_by_id", milestone_id=row["milestone_id"]) if row["milestone_id"] else None
    if row["task_id"] is None and milestone is not None:
        return summary_prompt(context, milestone["title"], _done(tx, milestone), nonce)
    return worker_prompt(_of_task(tx, run, row, milestone, context), nonce)


def _of_task(tx: Transaction, run: Row, row: Row, milestone: Row | None, context: WorkContext) -> WorkContext:
    task = tx.one("task_by_id", task_id=row["task_id"])
    if task is None:
        return context
    before = tx.one("latest_outcomes", task_id=row["task_id"], before=run["run_id"], session_id=run["session_id"])
    outcomes = msgspec.json.decode(before["outcomes"], type=list[CheckOutcome]) if before else []
    return msgspec.structs.replace(
        context,
        current_issue=task["number"],
        failing_checks=failing(outcomes),
        background=_background(tx, run, milestone) or context.background,
    )


def _background(tx: Transaction, run: Row, milestone: Row | None) -> str | None:
    """The first prompt of a milestone has what the one before says of itself."""
    if milestone is None or run["number"] != 1 or milestone["session_id"] != run["session_id"]:
        return None
    found = tx.one("last_summary", project_id=milestone["project_id"])
    return f"Milestone {found['number']}, {found['title']}:\n{found['summary']}" if found else None


def _done(tx: Transaction, milestone: Row) -> list[DoneTask]:
    tasks = tx.all("tasks_of_milestone", milestone_id=milestone["milestone_id"])
    return [
        DoneTask(number=task["number"], title=task["title"] or "", outcome=task["outcome"] or "open") for task in tasks
    ]
