"""What the worker of a session may know, read from the rows, and the prompt that a run of it gets when it is claimed.

Knows no history: neither runs nor events are looked at.
"""

import json
from collections.abc import Iterable

from callboard.coordinator.services.lifecycle_changes import work_of
from callboard.coordinator.services.task_contexts import prompt_of
from callboard.domain import ids
from callboard.domain.callback import NONCE_PARAMETER
from callboard.domain.worker_prompt import WorkContext, WorkIssue
from callboard.store.database import Row, Transaction


def context_of(tx: Transaction, work: Row) -> WorkContext:
    """What a worker may know of a session whose worktree is there."""
    workspace = json.loads(work["workspace"])
    current = work["guidance_id"] and tx.one("guidance_by_id", guidance_id=work["guidance_id"])
    return WorkContext(
        handle=work["handle"],
        issues=[
            WorkIssue(number=one["number"], title=one.get("title") or "", body=one.get("body") or "")
            for one in json.loads(work["issues"])
        ],
        repository=work["repository"],
        branch=workspace["branch"],
        worktree=workspace["path"],
        base_branch=work["base_branch"] or "the default branch",
        state_file_name=f"work-{work['handle']}.json",
        current_issue=_current_issue(tx, work),
        pull_request_url=work["pull_request_url"],
        guidance=current["text"] if current else None,
    )


def _current_issue(tx: Transaction, work: Row) -> int | None:
    """In a milestone the issue of the task that is worked on."""
    task = tx.one("task_at_work", session_id=work["session_id"])
    return task["number"] if task is not None and task["milestone_id"] is not None else None


def short_prompt(numbers: Iterable[int]) -> str:
    """The prompt of a run that nobody said anything for, until it is claimed."""
    return f"Work on {', '.join(f'#{number}' for number in numbers)}."


def with_worker_prompt(tx: Transaction, run: Row, new_ids: ids.Ids) -> Row:
    """The run that was just claimed, with the prompt of a worker when it is one's; guidance is that of this moment.

    A run that carries callbacks was written when it was claimed first.
    """
    if run["lifecycle"] is None or NONCE_PARAMETER in (run["parameters"] or ""):
        return run
    work = work_of(tx, run["session_id"])
    if work is None or work["workspace"] is None:
        return run
    written = {
        "prompt": prompt_of(tx, run, context_of(tx, work), new_ids.new(ids.NONCE).partition("_")[2]),
        "parameters": run["parameters"],
    }
    tx.run("write_prompt", run_id=run["run_id"], **written)
    return run | written
