"""The noun `milestone`: tasks that are done in one session, in the order of their dependencies."""

from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.types import PositiveInt

from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where, number
from callboard.cli.output import Output, Part, span
from callboard.cli.projects import InProject, project_of
from callboard.cli.shown import ago
from callboard.cli.spawn import Ground, Worker
from callboard.cli.task import work_of
from callboard.cli.task_follow import follow_milestone, outcome_of, show_started
from callboard.cli.waiting import wait_for_end
from callboard.client import calls
from callboard.domain.errors import NotFound
from callboard.domain.lifecycle import ENDED, HALTED
from callboard.domain.work_names import read_issues
from callboard.wire.tasks import EndMilestone, Milestone, NewMilestone
from callboard.wire.work import Project

Number = Annotated[int, Parameter(help="Number of the milestone.", converter=number)]
_COLUMNS: Final = ("MILESTONE", "STATE", "TASKS", "TITLE", "AGE", "SESSION")
_TITLE: Final = 3
_WORKER, _GROUND = Worker(), Ground()


def new(
    title: Annotated[str, Parameter(help="What it is about, in a line.")],
    *tasks: Annotated[str, Parameter(help="Numbers of issues that belong to it.")],
    project: InProject = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Plan a milestone; its number is printed. More issues join it with `task set NUMBER --milestone NUMBER`."""
    context = Context(show, where)
    found = project_of(context, project)
    body = NewMilestone(project_id=found.project_id, title=title, tasks=read_issues(tasks) if tasks else [])
    before = _elsewhere(context, found, set(body.tasks))
    made = context.client.send(calls.tasks.create_milestone(body))
    _print(context.output, made)
    if before and not context.output.json_wanted:
        context.output.note(span(f"moved here from another milestone: {', '.join(before)}", "dim"))
    if not context.output.json_wanted and not context.output.quiet:
        context.output.note(span(f"next: callboard milestone start {made.number}", "dim"))
    return 0


def list_milestones(
    *,
    project: InProject = None,
    limit: Annotated[PositiveInt, Parameter(help="At most so many, the newest.")] = 100,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Milestones of a project, newest first."""
    context = Context(show, where)
    found = project_of(context, project)
    page = context.client.send(calls.tasks.list_milestones(project_id=found.project_id, limit=min(limit, 200)))
    if not page.items and not context.output.json_wanted:
        context.output.note(f'{found.name} has no milestone. Plan one:  callboard milestone new "title" NUMBER…')
        return 0
    context.output.listing(page, _COLUMNS, [_row(one) for one in page.items], flexible=_TITLE)
    return 0


def show_milestone(
    number: Number, /, *, project: InProject = None, where: Where = NO_WHERE, show: Show = NO_SHOW
) -> int:
    """A milestone with its tasks in their order, and its summary."""
    context = Context(show, where)
    _print(context.output, _named(context, project, number))
    return 0


def start(
    number: Number,
    /,
    *,
    worker: Worker = _WORKER,
    ground: Ground = _GROUND,
    detach: Annotated[bool, Parameter(help="Return at once.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Work on all tasks of a milestone: one session, one worktree, branch milestone-NUMBER; and wait for it.

    A task that does not pass takes only those along that depend on it. Exits 0 when all have passed.
    """
    context = Context(show, where)
    found = _named(context, ground.project, number)
    started = context.client.send(calls.tasks.start_milestone(found.milestone_id, work_of(worker, ground)))
    if detach:
        show_started(context, started)
        return 0
    return follow_milestone(context, started)


def end(
    number: Number,
    /,
    *,
    summary: Annotated[str | None, Parameter(help="In the place of the one that the agent would write.")] = None,
    project: InProject = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Have the agent write the summary, for the next milestone's first prompt too; then the session is closed."""
    context = Context(show, where)
    found = _named(context, project, number)
    milestone = context.client.send(calls.tasks.end_milestone(found.milestone_id, EndMilestone(summary=summary)))
    if milestone.state == "ending" and milestone.session_id is not None:
        session = context.client.send(calls.sessions.get(milestone.session_id))
        wait_for_end(context, session.latest_run_id or "")
        milestone = context.client.send(calls.tasks.get_milestone(milestone.milestone_id))
    _print(context.output, milestone)
    if milestone.state != "ended":
        context.output.warn("The agent wrote no summary. Look: ", f"callboard logs {milestone.session_id}")
    return 0 if milestone.state == "ended" else 1


def _named(context: Context, project: str | None, number: int) -> Milestone:
    found = project_of(context, project)
    page = context.client.send(calls.tasks.list_milestones(project_id=found.project_id, number=number))
    if not page.items:
        raise NotFound(
            f"{found.name} has no milestone {number}.",
            code="milestone_not_found",
            hint="`callboard milestone list` lists them.",
        )
    return page.items[0]


def _elsewhere(context: Context, project: Project, numbers: set[int]) -> list[str]:
    """Which of the tasks belong to a milestone that has not ended, and will not any more."""
    if not numbers:
        return []
    page = context.client.send(calls.tasks.list_milestones(project_id=project.project_id, limit=200))
    planned = [one for one in page.items if one.state == "planned"]
    return [f"#{task.number} (of {one.number})" for one in planned for task in one.tasks if task.number in numbers]


def _row(one: Milestone) -> list[Part]:
    passed = sum(task.outcome == "passed" for task in one.tasks)
    tasks = f"{passed}/{len(one.tasks)}"
    return [span(str(one.number), "bold"), _state(one), tasks, one.title, ago(one.created_at), one.session_id or ""]


def _state(one: Milestone) -> Part:
    """How a milestone stands; one at which nobody works, now or any more, as its session does."""
    if one.lifecycle in (*HALTED, *ENDED):
        return span(one.lifecycle, "yellow")
    return span(one.state, "green" if one.state == "ended" else "cyan")


def _print(output: Output, one: Milestone) -> None:
    if output.json_wanted:
        output.value(one)
    elif output.quiet:
        output.line(str(one.number))
    else:
        output.line(span(f"milestone {one.number}", "bold"), "  ", _state(one), f"  {one.title}")
        for task in one.tasks:
            needs = f"  after {', '.join(f'#{number}' for number in task.depends_on)}" if task.depends_on else ""
            output.line(f"  #{task.number}  ", outcome_of(task), f"  {task.title}", span(needs, "dim"))
        if one.session_id:
            output.line(span("  session     ", "dim"), one.session_id)
        if one.summary:
            output.line()
            output.line(one.summary)
        if one.next_step:
            output.note(span(f"next: {one.next_step}", "dim"))
