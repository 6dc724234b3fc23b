"""The noun `task`: issues of the local tracker, and what is done about them."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import Group, Parameter
from cyclopts.types import PositiveInt

from callboard.cli.context import STDIN, Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where, number, plain_number
from callboard.cli.output import Output, Part, span
from callboard.cli.projects import InProject, project_of
from callboard.cli.spawn import Ground, Worker, how_to_work
from callboard.cli.task_follow import follow_task, outcome_of, show_started
from callboard.client import calls
from callboard.domain.errors import InvalidRequest, NotFound
from callboard.wire.tasks import RunTask, SetAndRunTask, SetTask, Task
from callboard.wire.work import ChangeIssue, Issue, NewIssue, Project

Number = Annotated[int, Parameter(help="Number of the issue.", converter=number)]
TASK: Final = Group("How it is worked on", sort_key=40)
_COLUMNS: Final = ("TASK", "STATUS", "ITERATION", "CHECKS", "AFTER", "MILESTONE", "TITLE")
_TITLE: Final = 6
_WORKER, _GROUND = Worker(), Ground()
NONE: Final = "none"
"""Said in the place of names: nothing of its own."""


@Parameter(name="*", group=TASK)
@dataclass(frozen=True, kw_only=True)
class Ways:
    """How an issue is worked on; what is not said stays as it is."""

    check: Annotated[
        list[str] | None, Parameter(help="Check that has to pass, by name; may be repeated; `none`: the project's.")
    ] = None
    max_iterations: Annotated[PositiveInt | None, Parameter(help="Most iterations; default 10.")] = None
    depends_on: Annotated[
        list[str] | None, Parameter(help="Issue that has to pass before; may be repeated; `none`: no issue.")
    ] = None
    context: Annotated[
        Literal["persistent", "fresh"] | None, Parameter(help="Whether iterations share a conversation; default fresh.")
    ] = None
    milestone: Annotated[str | None, Parameter(help="Number of the milestone that it belongs to; `none`: no one.")] = (
        None
    )


_WAYS = Ways()


def new(
    title: Annotated[str, Parameter(help="What is to be done, in a line.")],
    /,
    *,
    body: Annotated[str, Parameter(help="More of it; `-` reads it from stdin.")] = "",
    project: InProject = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Make an issue in the local tracker of a project; its number is printed."""
    context = Context(show, where)
    text = sys.stdin.read() if body == STDIN else body
    found = project_of(context, project)
    issue = context.client.send(calls.work.create_issue(found.project_id, NewIssue(title=title, body=text)))
    output = context.output
    if output.json_wanted:
        output.value(issue)
    elif output.quiet:
        output.line(str(issue.number))
    else:
        output.line(span(f"#{issue.number}", "bold"), f"  {issue.title}")
        output.note(span(f"next: callboard spawn {issue.number}", "dim"))
    return 0


def edit(
    number: Number,
    /,
    *,
    title: Annotated[str | None, Parameter(help="Its title from now on.")] = None,
    body: Annotated[str | None, Parameter(help="Its text from now on; `-` reads it from stdin.")] = None,
    state: Annotated[Literal["open", "closed"] | None, Parameter(help="Close it, or open it again.")] = None,
    project: InProject = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Change an issue of the local tracker, close it or open it again; what is not said stays as it is.

    Work that has begun keeps the text that it began with.
    """
    context = Context(show, where)
    asked = {"title": title, "body": sys.stdin.read() if body == STDIN else body, "state": state}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if not given:
        raise InvalidRequest("Nothing is to be changed.", hint="Say --title, --body or --state.")
    found = project_of(context, project)
    _tell_issue(context.output, context.client.send(calls.work.change_issue(found.project_id, number, edited(given))))
    return 0


def edited(given: dict[str, Any]) -> ChangeIssue:
    """What is given of an issue, in the words of the API. InvalidRequest for what the API would not take."""
    try:
        return msgspec.convert(given, ChangeIssue)
    except msgspec.ValidationError as wrong:
        raise InvalidRequest(f"{wrong}.") from None


def _tell_issue(output: Output, issue: Issue) -> None:
    if output.json_wanted:
        output.value(issue)
    elif output.quiet:
        output.line(str(issue.number))
    else:
        output.line(span(f"#{issue.number}", "bold"), f"  {issue.state}  {issue.title}")


def set_task(
    number: Number,
    /,
    *,
    ways: Ways = _WAYS,
    project: InProject = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Say how an issue is worked on as a task."""
    context = Context(show, where)
    found = project_of(context, project)
    task = context.client.send(calls.tasks.set_task(_settings(context, found, number, ways)))
    _print(context.output, task, *(() if context.output.json_wanted else _told_elsewhere(context, task)))
    return 0


def run(
    number: Number,
    /,
    *,
    ways: Ways = _WAYS,
    worker: Worker = _WORKER,
    ground: Ground = _GROUND,
    detach: Annotated[bool, Parameter(help="Return at once.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Work on an issue until its checks pass: in a worktree and a session of its own; and wait for it.

    Between iterations the agent is told which checks fail, and how. Exits 0 when all have passed.
    """
    context = Context(show, where)
    found = project_of(context, ground.project)
    body = SetAndRunTask(task=_settings(context, found, number, ways), **how_to_work(worker, ground))
    started = context.client.send(calls.tasks.set_and_run_task(body))
    if detach:
        show_started(context, started)
        return 0
    return follow_task(context, started)


def list_tasks(
    *,
    project: InProject = None,
    limit: Annotated[PositiveInt, Parameter(help="At most so many, the newest.")] = 100,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Tasks of a project, newest first."""
    context = Context(show, where)
    found = project_of(context, project)
    page = context.client.send(calls.tasks.list_tasks(project_id=found.project_id, limit=min(limit, 200)))
    if not page.items and not context.output.json_wanted:
        context.output.note(f"{found.name} has no task. Make one of an issue:  callboard task set NUMBER --check test")
        return 0
    milestones = context.client.send(calls.tasks.list_milestones(project_id=found.project_id, limit=200))
    numbers = {one.milestone_id: one.number for one in milestones.items}
    rows = [_row(one, numbers, sign="" if context.output.quiet else "#") for one in page.items]
    context.output.listing(page, _COLUMNS, rows, flexible=_TITLE)
    return 0


def show_task(number: Number, /, *, project: InProject = None, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """A task: how it is worked on, how it stands, and what its checks said last."""
    context = Context(show, where)
    found = project_of(context, project)
    page = context.client.send(calls.tasks.list_tasks(project_id=found.project_id, number=number))
    if not page.items:
        raise NotFound(
            f"Issue {number} of {found.name} is no task.",
            code="task_not_found",
            hint=f"Make it one: callboard task set {number} --check test",
        )
    task = page.items[0]
    _print(context.output, task, *(() if context.output.json_wanted else _told_elsewhere(context, task)))
    return 0


def _told_elsewhere(context: Context, task: Task) -> tuple[str, str]:
    """Its milestone by number and title, and why it did not pass as its session says."""
    milestone = context.client.send(calls.tasks.get_milestone(task.milestone_id)) if task.milestone_id else None
    why = None
    if task.session_id is not None and task.outcome not in (None, "passed"):
        session = context.client.send(calls.sessions.get(task.session_id))
        why = session.work.stuck_reason if session.work else None
    return f"{milestone.number} {milestone.title}" if milestone else "", why or ""


def work_of(worker: Worker, ground: Ground) -> RunTask:
    """With what a task or a milestone is worked on."""
    return RunTask(**how_to_work(worker, ground))


def _settings(context: Context, project: Project, number: int, ways: Ways) -> SetTask:
    given: dict[str, Any] = {"max_iterations": ways.max_iterations, "context": ways.context}
    given = {name: value for name, value in given.items() if value is not None}
    if ways.check is not None:
        given["checks"] = _unless_none(ways.check)
    if ways.depends_on is not None:
        needed = [plain_number(one) for one in _unless_none(ways.depends_on)]
        given["depends_on"] = [int(one) if one.isascii() and one.isdecimal() else one for one in needed]
    if ways.milestone is not None:
        given["milestone_id"] = None if ways.milestone == NONE else _milestone(context, project, ways.milestone)
    return SetTask(project_id=project.project_id, number=number, **given)


def _unless_none(words: list[str]) -> list[str]:
    return [] if words == [NONE] else words


def _milestone(context: Context, project: Project, number: str) -> str:
    plain = plain_number(number)
    asked = int(plain) if plain.isascii() and plain.isdecimal() else None
    page = context.client.send(calls.tasks.list_milestones(project_id=project.project_id, number=asked))
    if asked is None or not page.items:
        raise NotFound(
            f"{project.name} has no milestone {number}.",
            code="milestone_not_found",
            hint="`callboard milestone list` lists them.",
        )
    return page.items[0].milestone_id


def _row(task: Task, milestones: dict[str, int], *, sign: str) -> list[Part]:
    return [
        span(f"{sign}{task.number}", "bold"),
        outcome_of(task),
        f"{task.iteration}/{task.max_iterations}",
        _checks(task) or "the project's",
        " ".join(f"#{number}" for number in task.depends_on),
        str(milestones.get(task.milestone_id or "", "")),
        task.title,
    ]


def _checks(task: Task) -> str:
    return ", ".join(one if isinstance(one, str) else one.name for one in task.checks)


def _print(output: Output, task: Task, milestone: str = "", why: str = "") -> None:
    if output.json_wanted:
        output.value(task)
        return
    if output.quiet:
        output.line(str(task.number))
        return
    output.line(span(f"#{task.number}", "bold"), "  ", outcome_of(task), f"  {task.title}")
    facts = {
        "checks": _checks(task) or "those of the project",
        "after": " ".join(f"#{number}" for number in task.depends_on),
        "iterations": f"{task.iteration} of {task.max_iterations}",
        "context": task.context,
        "why": why,
        "milestone": milestone or task.milestone_id or "",
        "session": task.session_id or "",
    }
    for name, value in facts.items():
        if value:
            output.line(span(f"  {name:<12}", "dim"), value)
    for one in task.last_checks:
        output.line(span("  ✓ ", "green") if one.passed else span("  ✗ ", "red"), one.sentence)
        if not one.passed and one.tail:
            output.line(one.tail.rstrip("\n"))
