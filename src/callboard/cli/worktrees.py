"""`ship`, `delete` and `worktrees`: what becomes of worktrees. Nothing is removed unasked, and no work is lost."""

import os
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.jobs import report_failure, wait_for_job
from callboard.cli.lifecycle_views import show_change
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import Part, span
from callboard.cli.projects import InProject, project_of
from callboard.cli.references import session_of
from callboard.cli.run import SessionReference
from callboard.cli.waiting import wait_for_end
from callboard.client import calls
from callboard.domain.errors import InvalidRequest, NotFound
from callboard.domain.lifecycle import ENDED
from callboard.domain.work_step import Standing, from_branch
from callboard.wire.responses import Session
from callboard.wire.work import ChangeLifecycle, Job, Location, Project, RequestJob

Confirm = Annotated[
    str | None, Parameter(help="The value that was printed when work would have been lost: it may be lost.")
]
_COLUMNS: Final = ("WORKTREE", "BRANCH", "NOT COMMITTED", "ONLY HERE", "LIFECYCLE", "SESSION")
_PATH: Final = 0
_REMOVED: Final = ("removed", "undone")


def ship(
    reference: SessionReference,
    /,
    *,
    title: Annotated[str | None, Parameter(help="Of the pull request; default: that of the work.")] = None,
    body: Annotated[str | None, Parameter(help="Its text; default: the issues that it closes.")] = None,
    draft: Annotated[bool, Parameter(help="Open it as a draft.")] = False,
    allow_uncommitted: Annotated[bool, Parameter(help="Ship although some changes are not committed.")] = False,
    allow_failing_checks: Annotated[bool, Parameter(help="Ship although checks of its tasks failed last.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Push the branch of a work session, and open its pull request, which names the issues, unless one is open."""
    context = Context(show, where)
    session = session_of(context.client, reference, context.settings["project"])
    given: dict[str, Any] = {"title": title, "body": body, "draft": draft}
    given |= {"allow_uncommitted": allow_uncommitted, "allow_failing_checks": allow_failing_checks}
    options = {name: value for name, value in given.items() if value is not None}
    asked = RequestJob(kind="ship", options=options)
    job = _done(context, context.client.send(calls.work.ask_session(session.session_id, asked)), "The push")
    if job.status != "done":
        return report_failure(context, job)
    if context.output.json_wanted:
        context.output.value(job.answer)
    else:
        again = "  (it was open already)" if job.answer.get("already_open") and not context.output.quiet else ""
        context.output.line(job.answer["pull_request_url"] + again)
    if unnoted := job.answer.get("unnoted"):
        context.output.warn(unnoted)
    return 0


def delete(
    reference: SessionReference,
    /,
    *,
    confirm: Confirm = None,
    keep_worktree: Annotated[bool, Parameter(help="Leave the worktree and its branch where they are.")] = False,
    keep_branch: Annotated[bool, Parameter(help="Remove the worktree only.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Stop a work session, remove its worktree and branch, and put it away; its record is kept.

    Changes that are not committed, or commits that are nowhere else, are refused: the value that is printed then has to
    be repeated.
    """
    context = Context(show, where)
    session = session_of(context.client, reference, context.settings["project"])
    there = session.work is not None and session.work.state not in _REMOVED
    if session.work is not None and not there:
        _tell_without(context, session, confirmed=confirm is not None)
    stopped = context.client.send(calls.sessions.stop(session.session_id))
    for run_id in stopped.stopping:
        wait_for_end(context, run_id)
    if there and not keep_worktree:
        asked = RequestJob(kind="remove", confirm=confirm, options={"keep_branch": keep_branch})
        job = _done(context, context.client.send(calls.work.ask_session(session.session_id, asked)), "The removal")
        if job.status != "done":
            if stopped.stopping and not context.output.json_wanted:
                told = f"Its agent was stopped for this. Unless you delete it: callboard resume {session.handle}"
                context.output.warn(span(told, "yellow"))
            return report_failure(context, job)
        _tell_removed(context, job)
    body = ChangeLifecycle(action="delete", keep_worktree=keep_worktree)
    return show_change(context.output, context.client.send(calls.lifecycle.change(session.session_id, body)))


def _tell_without(context: Context, session: Session, *, confirmed: bool) -> None:
    """A number means the latest work on its issue: one that was never begun hides another that has a worktree."""
    what = f"{session.session_id} has no worktree"
    others = "callboard worktrees lists those that are left, and whose they are"
    if confirmed:
        hint = f"Leave --confirm out, or name the one that is meant: {others}."
        raise InvalidRequest(f"{what}, so that there is nothing to confirm.", hint=hint)
    context.output.note(span(f"{what}; {others}.", "dim"))


def worktrees(
    *,
    project: InProject = None,
    every: Annotated[bool, Parameter(name=["--all", "-a"], help="Those of work that goes on, too.")] = False,
    remove: Annotated[str | None, Parameter(help="Remove the worktree at this path; its branch is kept.")] = None,
    host: Annotated[str | None, Parameter(help="Only on this machine.")] = None,
    confirm: Confirm = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Worktrees that are left over: of work that has ended, and of no session. They are only listed.

    Also those of work that goes on whose folder is gone. `--remove PATH` removes one. A runner of each place has to be
    there to look.
    """
    context = Context(show, where)
    found = project_of(context, project)
    places = [place for place in found.locations if host in (None, place.hostname)]
    if remove is not None:
        return _remove_one(context, found, places, _real(Path.cwd() / remove), confirm)
    listed: list[dict[str, Any]] = []
    for place in places:
        if not place.runner_ids:
            context.output.note(
                span(f"No runner of {place.hostname}:{place.path} is online; it was not looked at.", "dim")
            )
            continue
        job = _look(context, found, place)
        if job.status != "done":
            return report_failure(context, job)
        listed += [one | {"hostname": place.hostname} for one in job.answer]
    owners = _owners(context, found)
    shown = [_with_owner(context, one, _of_worktree(owners, one)) for one in listed]
    _show(context, [one for one in shown if every or one["missing"] or one["lifecycle"] in (None, *ENDED)])
    return 0


def _real(path: Path) -> str:
    """Where a path that was typed leads to; a link at its end stays one, it is never followed when it is removed."""
    return os.path.realpath(path) if path.name == ".." else str(path.parent.resolve() / path.name)


def _look(context: Context, project: Project, place: Location) -> Job:
    options = {"hostname": place.hostname, "repository": place.path}
    job = context.client.send(
        calls.work.ask_project(project.project_id, RequestJob(kind="list_worktrees", options=options))
    )
    return _done(context, job, f"Looking at {place.hostname}:{place.path}")


def _is_settled(job: Job) -> bool:
    """Whether the worktree was of this place: it was removed there, or is kept there for a reason."""
    if job.status == "done":
        return bool(job.answer.get("was_there", True))
    return (job.error or {}).get("code") != "not_a_worktree"


def _remove_one(context: Context, project: Project, places: list[Location], path: str, confirm: str | None) -> int:
    """At the place whose worktree it is; the last refusal stands when it is none of any."""
    job: Job | None = None
    for place in places:
        options = {"hostname": place.hostname, "repository": place.path, "path": path, "keep_branch": True}
        asked = RequestJob(kind="remove", confirm=confirm, options=options)
        job = _done(context, context.client.send(calls.work.ask_project(project.project_id, asked)), "The removal")
        if _is_settled(job):
            break
    if job is None or job.status != "done":
        return report_failure(context, job) if job is not None else 1
    if not job.answer.get("was_there", True):
        raise NotFound(f"There is no worktree at {path}.", hint="callboard worktrees --all shows those that are there.")
    if context.output.json_wanted:
        context.output.value(job.answer)
    else:
        what = "removed" if job.answer.get("folder_removed", True) else "was gone; git has forgotten it"
        context.output.line(job.answer["path"] if context.output.quiet else f"{job.answer['path']}  {what}")
        _tell_left(context, job)
    return 0


def _of_worktree(owners: dict[tuple[str, str], Session], one: dict[str, Any]) -> Session | None:
    return owners.get(("", one.get("half_made_for") or "")) or owners.get((one["hostname"], one["path"]))


def _owners(context: Context, project: Project) -> dict[tuple[str, str], Session]:
    """The latest work sessions of a project by their place; the newest one of a place stands. All by their id, too."""
    found: dict[tuple[str, str], Session] = {}
    page = None
    while True:
        answer = context.client.send(calls.work.list_sessions(project=project.name, page=page, limit=200))
        for one in answer.items:
            found["", one.session_id] = one
            if one.workspace is not None:
                found.setdefault((one.workspace.hostname, one.workspace.path), one)
        page = answer.next_page
        if page is None:
            return found


def _with_owner(context: Context, one: dict[str, Any], session: Session | None) -> dict[str, Any]:
    """A worktree with whose it is; and what to do where work goes on without its folder."""
    names = ("session_id", "handle", "lifecycle")
    shown = one | {name: getattr(session, name) if session else None for name in names}
    shown |= {"missing": bool(one.get("missing")), "undo_error": None, "next_step": None}
    if session is None or session.work is None:
        return shown
    shown["undo_error"] = session.work.undo_error
    if shown["missing"] and not one.get("half_made_for") and session.lifecycle not in ENDED:
        shown["next_step"] = from_branch(_standing(context, session))
        shown["branch"] = one["branch"] or (session.workspace.branch if session.workspace else None)
    return shown


def _standing(context: Context, session: Session) -> Standing:
    milestone = context.client.send(calls.tasks.get_milestone(session.milestone_id)) if session.milestone_id else None
    issues = tuple(int(one["number"]) for one in session.issues)
    return Standing(
        session_id=session.session_id,
        handle=session.handle or "",
        issues=issues,
        lifecycle=session.lifecycle or "",
        task=issues[0] if session.work and session.work.task_id else None,
        milestone=milestone.number if milestone else None,
    )


def _done(context: Context, job: Job, what: str) -> Job:
    return wait_for_job(context, job.job_id, what)


def _tell_removed(context: Context, job: Job) -> None:
    removed: dict[str, Any] = job.answer
    branch = "its branch was removed" if removed["branch_removed"] else "its branch is kept"
    why = removed.get("branch_kept")
    branch += f": {why.rstrip('.')}" if why else ""
    went = "was removed" if removed.get("folder_removed", True) else "was not there any more"
    context.output.note(span(f"{removed['path']} {went}, {branch}.", "dim"))
    _tell_left(context, job)


def _tell_left(context: Context, job: Job) -> None:
    if left := job.answer.get("left_alone"):
        context.output.note(span(left, "yellow"))


def _show(context: Context, listed: list[dict[str, Any]]) -> None:
    output = context.output
    if output.json_wanted:
        output.value({"items": listed})
    elif output.quiet:
        for one in listed:
            output.line(one["path"])
    elif listed:
        output.table(_COLUMNS, [_row(one) for one in listed], flexible=_PATH)
        for one in listed:
            if one["undo_error"]:
                told = f"{one['path']} is half made, and removing it is tried again: {one['undo_error']}"
                output.note(span(told, "yellow"))
            elif one["next_step"]:
                output.note(span(f"{one['path']}: {_state(one)}, and #{one['handle']} cannot go on.", "yellow"))
                output.note(span(f"next: {one['next_step']}", "dim"))
        if any(one["next_step"] is None for one in listed):
            output.note(span("Remove one: callboard delete REF, or callboard worktrees --remove PATH", "dim"))
    else:
        output.note("No worktree is left over (--all shows those of work that goes on).")


def _state(one: dict[str, Any]) -> str:
    if one.get("half_made_for"):
        return "half made"
    return (one.get("instead") or "its folder is gone") if one.get("missing") else str(one["uncommitted"])


def _row(one: dict[str, Any]) -> list[Part]:
    return [
        span(one["path"], "bold"),
        one["branch"] or "none",
        _state(one),
        str(one["unpushed"]),
        one["lifecycle"] or "no session",
        one["session_id"] or "",
    ]
