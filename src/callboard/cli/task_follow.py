"""Follows work that the coordinator goes on with from one run to the next, until it is done; stops nothing."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from callboard.cli.context import Context
from callboard.cli.exit_codes import FAILED, OK
from callboard.cli.jobs import report_failure, wait_for_work
from callboard.cli.output import Output, Part, Style, span
from callboard.cli.waiting import wait_for_end
from callboard.client import calls
from callboard.domain.checks import CheckOutcome
from callboard.domain.errors import CallboardError
from callboard.domain.lifecycle import HALTED
from callboard.wire.responses import Session
from callboard.wire.tasks import Milestone, Task, TaskStarted

T = TypeVar("T")
OUTCOME_STYLES: Final[dict[str, Style]] = {"passed": "green", "skipped": "dim"}


def follow_task(context: Context, started: TaskStarted) -> int:
    """Wait for the worktree and then for every iteration of a task, and print what became of it; the exit code."""
    refused = _refused(context, started)
    if refused is not None:
        return refused
    task_id = started.task_id or ""
    task = _detached(context, started, lambda: _until_ended(context, task_id))
    show_end(context.output, task)
    if task.outcome == "passed":
        return OK
    session = context.client.send(calls.sessions.get(started.session_id))
    if session.work is not None and session.work.stuck_reason:
        context.output.warn(span("stuck: ", "red", "bold"), session.work.stuck_reason)
    _tell_next(context, session)
    return FAILED


def _tell_next(context: Context, session: Session) -> None:
    if session.work is not None and session.work.next_step:
        context.output.note(span(f"next: {session.work.next_step}", "dim"))


def follow_milestone(context: Context, started: TaskStarted) -> int:
    """Wait for the worktree and then for every task of a milestone, and print what became of them; the exit code."""
    refused = _refused(context, started)
    if refused is not None:
        return refused
    milestone_id = started.milestone_id or ""
    milestone = _detached(context, started, lambda: _until_through(context, milestone_id))
    if context.output.json_wanted:
        context.output.value(milestone)
    else:
        for task in milestone.tasks:
            show_end(context.output, task)
    _tell_next(context, context.client.send(calls.sessions.get(started.session_id)))
    return OK if all(task.outcome == "passed" for task in milestone.tasks) else FAILED


def show_end(output: Output, task: Task) -> None:
    """What became of a task."""
    if output.json_wanted:
        output.value(task)
    elif output.quiet:
        output.line(task.session_id or task.task_id)
    else:
        told = f"after {task.iteration} of {task.max_iterations} iterations" if task.iteration else ""
        output.line(
            span(f"#{task.number}", "bold"), "  ", outcome_of(task), f"  {task.title}", span(f"  {told}", "dim")
        )
        for one in task.last_checks:
            if not one.passed:
                output.note(span("  ✗ ", "red"), one.sentence)


def outcome_of(task: Task) -> Part:
    """How a task stands, in its colour; one at which nobody works now as its session does."""
    if task.outcome:
        return span(task.outcome, OUTCOME_STYLES.get(task.outcome, "red"))
    if task.status == "running" and task.lifecycle in HALTED:
        return span(task.lifecycle, "yellow")
    return span(task.status, "cyan" if task.status == "running" else "dim")


def show_started(context: Context, started: TaskStarted) -> None:
    """What was begun, for somebody who does not wait; with a warning where nobody is there who could go on with it."""
    output = context.output
    if output.json_wanted:
        output.value(started)
        return
    output.line(started.session_id)
    missing = None
    with suppress(CallboardError):  # it has begun: whether somebody is missing is not for every token to see
        missing = _missing(context, started)
    if missing is not None:
        output.warn(span("warning: ", "yellow", "bold"), missing)
        output.warn(span("next:  ", "bold"), f"callboard why {started.run_id}")


def _missing(context: Context, started: TaskStarted) -> str | None:
    """Which runner is not there: one of a place of the project, or one there that offers the executor."""
    session = context.client.send(calls.sessions.get(started.session_id))
    project = context.client.send(calls.work.get_project(session.project_id or ""))
    there = {runner_id for place in project.locations for runner_id in place.runner_ids}
    if not there:
        return f"No runner of a place of {project.name} is online, so that nobody makes its worktree."
    runners = context.client.send(calls.runners.list_(limit=200)).items
    if any(session.executor_type in one.executor_types for one in runners if one.runner_id in there):
        return None
    return f"No runner of a place of {project.name} that is online offers the executor {session.executor_type}."


def _refused(context: Context, started: TaskStarted) -> int | None:
    """Waits for the worktree; the exit code when it cannot be made."""
    context.output.note(span(f"{started.session_id}  {started.handle}  {started.branch}", "dim"))
    if started.job_id is None:
        return None
    what, named = f"The worktree of {started.branch}", {"session_id": started.session_id, "handle": started.handle}
    job = wait_for_work(context, started.job_id, what, **named)
    return None if job.status == "done" else report_failure(context, job)


def _until_ended(context: Context, task_id: str) -> Task:
    """Whoever is stopped or paused in between leaves the task open: then it is answered as it is."""
    while True:
        task = context.client.send(calls.tasks.get_task(task_id))
        if task.status != "running" or task.run_id is None:
            return task
        wait_for_end(context, task.run_id)
        now = context.client.send(calls.tasks.get_task(task_id))
        _tell(context.output, now)
        if now.run_id == task.run_id:
            return now


def _until_through(context: Context, milestone_id: str) -> Milestone:
    waited_for = ""
    while True:
        milestone = context.client.send(calls.tasks.get_milestone(milestone_id))
        at_work = next((task for task in milestone.tasks if task.status == "running" and task.run_id), None)
        if at_work is None or at_work.run_id is None or at_work.run_id == waited_for:
            return milestone
        waited_for = at_work.run_id
        wait_for_end(context, waited_for)
        _tell(context.output, context.client.send(calls.tasks.get_task(at_work.task_id)))


def _tell(output: Output, task: Task) -> None:
    """What the checks of the run that has just ended said."""
    for one in task.last_checks:
        output.note(*_said(task, one))


def _said(task: Task, one: CheckOutcome) -> list[Part]:
    mark = span("✓ ", "green") if one.passed else span("✗ ", "red")
    return [mark, f"#{task.number} ", f"{one.name} passed." if one.passed else one.sentence]


def _detached(context: Context, started: TaskStarted, wait: Callable[[], T]) -> T:
    try:
        return wait()
    except KeyboardInterrupt:
        context.output.warn(f"\nDetached; the work goes on. Look at it: callboard get {started.handle}")
        raise
