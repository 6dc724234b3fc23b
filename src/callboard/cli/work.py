"""`list` and `get`: work sessions with all their issues. Reading changes nothing."""

from typing import Annotated, Any, Final

from cyclopts import Parameter
from cyclopts.types import PositiveInt

from callboard.cli.context import Context
from callboard.cli.jobs import report_failure, wait_for_job
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import Output, Part, Style, span
from callboard.cli.projects import InProject, project_of
from callboard.cli.references import session_of
from callboard.cli.run import SessionReference
from callboard.cli.session_views import budget_of
from callboard.cli.shown import ago, name_of, state_of
from callboard.cli.text import money
from callboard.client import calls
from callboard.client.call import PageOf
from callboard.domain.errors import InvalidRequest
from callboard.wire.responses import Session
from callboard.wire.work import RequestJob

_COLUMNS: Final = ("ISSUES", "LIFECYCLE", "RUN", "TITLE", "BRANCH", "WORKTREE", "AGE", "SESSION")
_TITLE: Final = 3
_ISSUES: Final = ("ISSUE", "STATE", "TITLE", "SESSION")
_STYLES: Final[dict[str, Style]] = {
    "stuck": "red",
    "paused": "yellow",
    "pr_ready": "green",
    "reviews_in_progress": "green",
    "complete": "green",
    "cancelled": "dim",
    "deleted": "dim",
}


def list_work(
    *,
    project: InProject = None,
    everywhere: Annotated[bool, Parameter(help="Of all projects.")] = False,
    every: Annotated[bool, Parameter(name=["--all", "-a"], help="Those that are over, too.")] = False,
    issues: Annotated[bool, Parameter(help="The open issues of the project instead.")] = False,
    fetch: Annotated[bool, Parameter(help="With --issues: ask the project's tracker elsewhere before.")] = False,
    limit: Annotated[PositiveInt, Parameter(help="At most so many, the newest.")] = 100,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Work sessions with their issues, branch and worktree: those that are not over."""
    context = Context(show, where)
    if fetch and not issues:
        raise InvalidRequest("--fetch goes with --issues.", hint="callboard list --issues --fetch")
    if issues:
        return _list_issues(context, project, limit, fetch=fetch)
    name = None if everywhere else project_of(context, project).name
    lifecycle = None if every else "active"
    call = calls.work.list_sessions(project=name, lifecycle=lifecycle, limit=min(limit, 200))
    _show_list(context.output, context.client.send(call))
    return 0


def _show_list(output: Output, page: PageOf[Session]) -> None:
    if not page.items and not output.json_wanted:
        output.note("No work is under way. Start some:  callboard spawn NUMBER")
        return
    if output.quiet:
        for one in page.items:
            output.line(one.session_id)
        return
    rows = [_row(one, short=output.on_terminal) for one in page.items]
    output.listing(page, _COLUMNS, rows, flexible=_TITLE)
    if page.next_page is not None:
        output.note(span("There are more (--limit).", "dim"))


def _list_issues(context: Context, project: str | None, limit: int, *, fetch: bool) -> int:
    found = project_of(context, project)
    elsewhere = found.tracker != "local"
    if fetch and elsewhere:
        body = RequestJob(kind="fetch_issues", options={"limit": limit})
        asked = context.client.send(calls.work.ask_project(found.project_id, body))
        job = wait_for_job(context, asked.job_id, f"The issues of {found.name}")
        if job.status != "done":
            return report_failure(context, job)
    page = context.client.send(calls.work.list_issues(found.project_id, state="open", limit=min(limit, 200)))
    rows: list[list[Part]] = [
        [span(str(one.number), "bold"), one.state, one.title, one.session_id or ""] for one in page.items
    ]
    if not rows and not context.output.json_wanted and not elsewhere:
        context.output.note(f'{found.name} has no open issue. Make one:  callboard task new "title"')
        return 0
    context.output.listing(page, _ISSUES, rows, flexible=2)
    if elsewhere and not fetch and not context.output.json_wanted:
        context.output.note(
            span(f"As far as they are known here; ask {found.tracker}: callboard list --issues --fetch", "dim")
        )
    return 0


def get(reference: SessionReference, /, *, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """A work session with all that is known of its work."""
    context = Context(show, where)
    session = session_of(context.client, reference, context.settings["project"])
    output = context.output
    if output.json_wanted:
        output.value(session)
    elif output.quiet:
        output.line(session.session_id)
    else:
        _show(output, session)
        _show_next(output, session)
    return 0


def _show_next(output: Output, session: Session) -> None:
    """What a person has to do so that it goes on."""
    if session.work is not None and session.work.next_step:
        output.note(span(f"next: {session.work.next_step}", "dim"))


def _base(session: Session) -> str:
    branch = session.work.base_branch if session.work else None
    commit = session.workspace.base_commit if session.workspace else None
    return f"{branch or ''} {(commit or '')[:12]}".strip()


def _origin(issue: dict[str, Any]) -> Part:
    """Who wrote an issue of a tracker elsewhere, and which text of it is worked on."""
    if not issue.get("content_hash"):
        return ""
    accepted = ", accepted" if issue.get("allowed_by") == "text" else ""
    return span(f"  by {issue.get('author') or 'somebody'}, text {issue['content_hash']}{accepted}", "dim")


def _path(session: Session) -> str:
    """Where the worktree is, and what has become of it if it is not there."""
    state = session.work.state if session.work else ""
    if session.workspace is None:
        return state
    return session.workspace.path if state == "prepared" else f"{session.workspace.path} ({state})"


def _title(session: Session) -> str:
    """What is worked on: a milestone, else the issues by the first of them."""
    if session.milestone_id is not None and session.title:
        return session.title
    first: dict[str, Any] = session.issues[0] if session.issues else {}
    more = f" (and {len(session.issues) - 1} more)" if len(session.issues) > 1 else ""
    return str(first.get("title") or session.title or "") + more


def _numbers(session: Session) -> str:
    return " ".join(f"#{issue['number']}" for issue in session.issues)


def _lifecycle(session: Session) -> Part:
    text = session.lifecycle or ""
    return span(text, _STYLES.get(text, "cyan"))


def _row(session: Session, *, short: bool) -> list[Part]:
    place = session.workspace
    return [
        span(_numbers(session), "bold"),
        _lifecycle(session),
        state_of(session),
        _title(session),
        (place.branch if place else None) or "",
        _path(session),
        ago(session.updated_at),
        name_of(session.session_id, short=short),
    ]


def _show(output: Output, session: Session) -> None:
    output.line(
        span(_numbers(session) or session.title or "", "bold"), "  ", _lifecycle(session), "  ", state_of(session)
    )
    if session.milestone_id is not None:
        output.line(span(f"  {'milestone':<13}", "dim"), session.title or "")
    for issue in session.issues:
        output.line(span(f"  {'issue':<13}", "dim"), f"#{issue['number']} {issue.get('title') or ''}", _origin(issue))
    work, place = session.work, session.workspace
    facts = {
        "session": session.session_id,
        "worktree": f"{place.hostname}:{_path(session)}" if place else _path(session),
        "half made": (work.undo_error if work else None) or "",
        "branch": (place.branch if place else None) or "",
        "base": _base(session),
        "stuck": (work.stuck_reason if work else None) or "",
        "because": (work.ended_reason if work else None) or "",
        "guidance": (work.guidance if work else None) or "",
        "pull request": (work.pull_request_url if work else None) or "",
        "waits for": session.waiting_for or "",
        "paused in": (work.lifecycle_before if work else None) or "",
        "since": work.lifecycle_at if work else "",
        "heartbeat": (work.heartbeat_at if work else None) or "",
        "task": (work.task_id if work else None) or "",
        "agent": session.agent_name or "",
        "executor": session.executor_type or "",
        "runs": f"{session.run_count}, {session.queued_runs} waiting",
        "usage": money(session.usage),
        "budget": budget_of(session),
    }
    for name, value in facts.items():
        if value:
            output.line(span(f"  {name:<13}", "dim"), value)
