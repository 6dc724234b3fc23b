"""The loop of tasks: in the transaction that ends an iteration the next one is written, or what became of the task.

Knows no callers and no HTTP, and not how a run is executed; the session is locked by whoever ends its run.
"""

import json
from typing import Final

import msgspec

from callboard.coordinator.services import state_files, task_runs
from callboard.coordinator.services.budget_changes import exhausted_sentence
from callboard.coordinator.services.lifecycle_changes import REPORT, change, work_of
from callboard.coordinator.services.task_rendering import tasks_of_milestone
from callboard.domain.event import SESSION_UPDATED
from callboard.domain.lifecycle import CHECKS_PASSED, ENDED, RUN_FAILED, UNDER_WAY, follows
from callboard.domain.tasks import HALTING, dependants, in_order, judge, sentence_of
from callboard.store.database import Row, Transaction

SUMMARY_CHARACTERS: Final = 16_384


def follow(
    tx: Transaction, run: Row, reason: str, *, by_lifecycle: bool, failure: str | None, text: str | None
) -> bool:
    """What the end of a run brings to its task; whether that decides the lifecycle of its session as well.

    `by_lifecycle`: its work was halted; `failure` is the sentence of the end, `text` what the agent said last.
    """
    row = tx.one("task_run", run_id=run["run_id"]) if task_runs.is_of_task(run) else None
    work = work_of(tx, run["session_id"]) if row else None
    if row is None or work is None:
        return False
    if row["task_id"] is None:
        return _summarised(tx, work, row["milestone_id"], text if reason == "completed" else None)
    task = tx.one("task_by_id", task_id=row["task_id"])
    if task is None or task["ended_at"] is not None or task["session_id"] != run["session_id"]:
        return False
    checks, outcomes = task_runs.judged(row)
    verdict = judge(reason, checks, outcomes, row["iteration"], task["max_iterations"])
    if work["lifecycle"] == "paused" and (by_lifecycle or verdict == "again"):
        return False
    if verdict != "passed" and work["lifecycle"] not in UNDER_WAY:
        verdict = "stopped"
    used_up = exhausted_sentence(tx, run["pool_session_id"]) if verdict == "again" else None
    if verdict == "again" and used_up is None:
        _iterate(tx, work, task, row["iteration"] + 1)
        return True
    outcome = "budget_exceeded" if used_up else verdict
    said = None if outcome == "passed" else used_up or sentence_of(outcome, outcomes, row["iteration"], failure)
    return _ended(tx, work, task, outcome, said)


def _iterate(tx: Transaction, work: Row, task: Row, iteration: int) -> None:
    run_id = task_runs.add_run(tx, work, f"Work on #{task['number']}.")
    task_runs.is_iteration(tx, task, run_id, work["session_id"], iteration)
    tx.run("iterate_task", task_id=task["task_id"], iteration=iteration)


def _ended(tx: Transaction, work: Row, task: Row, outcome: str, said: str | None) -> bool:
    _note_end(tx, work, task, outcome)
    if task["milestone_id"] is not None and work["session_id"] == _session_of(tx, task["milestone_id"]):
        return _milestone_goes_on(tx, work, task, outcome, said)
    _follow(tx, work, CHECKS_PASSED if outcome == "passed" else RUN_FAILED, said)
    return outcome == "passed" and work["lifecycle"] in UNDER_WAY


def _note_end(tx: Transaction, work: Row, task: Row, outcome: str) -> None:
    own = task["milestone_id"] is None or work["session_id"] != _session_of(tx, task["milestone_id"])
    tx.run("end_task", task_id=task["task_id"], outcome=outcome, now=tx.now_ms, closing=int(own))
    payload = {"task_id": task["task_id"], "issue": task["number"], "task_outcome": outcome}
    task_runs.tell(tx, work, SESSION_UPDATED, payload)


def _session_of(tx: Transaction, milestone_id: str) -> str | None:
    milestone = tx.one("milestone_by_id", milestone_id=milestone_id)
    return milestone["session_id"] if milestone else None


def _milestone_goes_on(tx: Transaction, work: Row, task: Row, outcome: str, said: str | None) -> bool:
    """The next task of the milestone; a failed one takes only those along that need it."""
    if outcome in HALTING:
        _follow(tx, work, RUN_FAILED, said)
        return False
    tasks = {row["number"]: row for row in tx.all("tasks_of_milestone", milestone_id=task["milestone_id"])}
    needs = {number: json.loads(row["depends_on"]) for number, row in tasks.items()}
    if outcome != "passed":
        for number in dependants(needs, task["number"]):
            if tasks[number]["ended_at"] is None:
                _note_end(tx, work, tasks[number], "skipped")
    if work["lifecycle"] in ENDED:  # it ended while its agent came to the end of this task: nothing follows
        return False
    if not begin_next(tx, work, task["milestone_id"]):
        _write_state(tx, work["session_id"])
        tx.run("wait_for", session_id=work["session_id"], waiting_for=REPORT)  # somebody has to end the milestone
    return work["lifecycle"] in UNDER_WAY


def begin_next(tx: Transaction, work: Row, milestone_id: str) -> bool:
    """Begins the next open task of a milestone in its session; false when none is left."""
    tasks = {row["number"]: row for row in tx.all("tasks_of_milestone", milestone_id=milestone_id)}
    order = in_order({number: json.loads(row["depends_on"]) for number, row in tasks.items()})
    open_tasks = [tasks[number] for number in order if tasks[number]["outcome"] is None]
    if not open_tasks:
        return False
    begin(tx, work, open_tasks[0])
    return True


def begin(tx: Transaction, work: Row, task: Row) -> str:
    """The first iteration of a task in a session that is there; the id of its run."""
    tx.run("begin_task", task_id=task["task_id"], session_id=work["session_id"], now=tx.now_ms)
    run_id = task_runs.add_run(tx, work, f"Work on #{task['number']}.")
    task_runs.is_iteration(tx, task, run_id, work["session_id"], 1)
    _write_state(tx, work["session_id"])
    return run_id


def _write_state(tx: Transaction, session_id: str) -> None:
    """The state file names the task that is the work now."""
    state_files.write(tx, session_id, task_runs.IdsOf(tx))


def abandon(tx: Transaction, work: Row) -> None:
    """No run of the work follows any more: a task that waits for one has ended."""
    task = tx.one("task_at_work", session_id=work["session_id"])
    if task is not None and tx.one("live_run_of_session", session_id=work["session_id"]) is None:
        _note_end(tx, work, task, "stopped")


def adopt(tx: Transaction, session_id: str, run_id: str) -> None:
    """A person's run of a session with a task is one of its iterations; a task that did not pass is open again."""
    task = tx.one("task_at_work", session_id=session_id)
    if task is not None:
        task_runs.is_iteration(tx, task, run_id, session_id, max(1, task["iteration"]))
        return
    task = tx.one("task_to_reopen", session_id=session_id)
    if task is not None:
        tx.run("begin_task", task_id=task["task_id"], session_id=session_id, now=tx.now_ms)
        task_runs.is_iteration(tx, task, run_id, session_id, 1)
        if task["milestone_id"] is not None:
            _write_state(tx, session_id)


def _summarised(tx: Transaction, work: Row, milestone_id: str, text: str | None) -> bool:
    """The milestone is over when its summary is there; else it can be ended once more."""
    if not text:
        tx.run("move_milestone", milestone_id=milestone_id, state="active", from_state="ending")
        return False
    end_milestone(tx, work, milestone_id, text)
    return True


def end_milestone(tx: Transaction, work: Row, milestone_id: str, summary: str) -> None:
    """The summary is stored, the issues are free, the session is closed."""
    for task in tx.all("tasks_of_milestone", milestone_id=milestone_id):
        if task["outcome"] is None:
            _note_end(tx, work, task, "skipped")
    kept = summary[:SUMMARY_CHARACTERS]
    milestone = tx.all("milestone_by_id", milestone_id=milestone_id)[0]
    record = msgspec.json.encode(tasks_of_milestone(tx, milestone)).decode()
    tx.run("end_milestone", milestone_id=milestone_id, summary=kept, tasks_at_end=record, now=tx.now_ms)
    tx.run("summarise_session", session_id=work["session_id"], summary=kept, now=tx.now_ms)
    task_runs.tell(tx, work, SESSION_UPDATED, {"milestone_id": milestone_id, "summary": kept})
    _follow(tx, work, CHECKS_PASSED, None)
    tx.run("close_session", session_id=work["session_id"], now=tx.now_ms)


def _follow(tx: Transaction, work: Row, event: str, reason: str | None) -> None:
    to = follows(work["lifecycle"], event)
    if to != work["lifecycle"]:
        change(tx, work, to, by="callboard", reason=reason)
