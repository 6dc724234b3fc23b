"""The noun `project`: repositories, and on which machines they are."""

import os
import socket
import tempfile
import threading
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import Output, Part, span
from callboard.cli.projects import named_project, project_of
from callboard.cli.settings import named_checks, read_settings, repository_of_worktree, whole_path
from callboard.cli.trust import are_checks_withheld, withheld
from callboard.client import calls
from callboard.client.agent_files import project_source, upload
from callboard.domain.errors import InvalidRequest
from callboard.wire.work import AddProject, Project, ProjectSettings
from callboard.workspace.git import Git
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Facts, open_repository

Tracker = Literal["local", "github"]
Name = Annotated[str, Parameter(help="Project by name.")]
_COLUMNS: Final = ("PROJECT", "TRACKER", "BRANCH", "PLACE", "RUNNERS")
_PLACE: Final = 3


def add(
    path: Annotated[Path, Parameter(help="The repository; default: this directory.")] = Path(),
    /,
    *,
    name: Annotated[str | None, Parameter(help="Name of the project; default: that of the folder.")] = None,
    host: Annotated[str | None, Parameter(help="The machine, as its runner calls it; default: this one.")] = None,
    tracker: Annotated[Tracker | None, Parameter(help="Where its issues are: local, github.")] = None,
    base: Annotated[str | None, Parameter(help="Branch to begin work at; default: the repository's own.")] = None,
    replace_issues: Annotated[
        bool, Parameter(help="Take another tracker, whose issues replace those that are kept here.")
    ] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Add a repository, or one more place of it: a name that is known gets another place. It is read, not changed."""
    context = Context(show, where)
    directory = whole_path(path)
    facts = _facts(directory)
    said = read_settings(directory=Path(facts.path))
    body = AddProject(
        name=name or said["project"] or facts.name,
        hostname=host or socket.gethostname(),
        path=facts.path,
        default_branch=facts.default_branch,
        remote_url=facts.remote_url,
        tracker=tracker or said["tracker"] or "local",
        replace_issues=replace_issues,
        settings=ProjectSettings(
            worktree_prefix=said["worktree_prefix"],
            worktree_root=said["worktree_root"],
            base_branch=base or said["base_branch"],
            executor_type=said["executor"],
            agent_name=said["agent"],
            checks=named_checks(Path(facts.path)),
            issue_authors=list(said["issue_authors"]),
        ),
    )
    before = named_project(context.client, body.name)
    project = context.client.send(calls.work.add_project(body))
    _upload_agents(context, Path(facts.path), body.hostname)
    _tell_tracker(context.output, before, project)
    _tell_added(context, project, body)
    return 0


def _tell_added(context: Context, project: Project, added: AddProject) -> None:
    if context.output.json_wanted:
        context.output.value(project)
    elif context.output.quiet:
        context.output.line(project.project_id)
    else:
        _show(context.output, project)
        _tell_withheld(context, directory=Path(added.path))
        _tell_checks(context, added)
        _tell_next(context.output, project, added)


def _tell_tracker(output: Output, before: Project | None, now: Project) -> None:
    """Another tracker means other issues under the same numbers, which nobody is to find out later."""
    if before is None or before.tracker == now.tracker:
        return
    kept = " Those that are kept here stay, each until one of its number is fetched." if before.open_issues else ""
    said = f"The issues of {now.name} are now those of {now.tracker} instead of {before.tracker}.{kept}"
    output.warn(span("warning: ", "yellow", "bold"), said)


def _upload_agents(context: Context, directory: Path, hostname: str) -> None:
    """The repository's agents; what is wrong with a file, or waits for a person, is said and hinders nothing."""
    if hostname != socket.gethostname():
        return
    for problem in upload(context.client, project_source(directory, hostname)).errors:
        context.output.warn(span(f"{problem.path}: ", "red"), problem.message)


def list_projects(*, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """Projects by name, with their places and how many runners may work there."""
    context = Context(show, where)
    page = context.client.send(calls.work.list_projects(limit=200))
    rows = [row for project in page.items for row in _rows(project)]
    if not rows and not context.output.json_wanted:
        context.output.note("There is no project. In a repository:  callboard project add .")
        return 0
    context.output.listing(page, _COLUMNS, rows, flexible=_PLACE)
    return 0


def show_project(
    name: Annotated[str | None, Parameter(help="Project by name; default: that of this directory.")] = None,
    /,
    *,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """A project with its places and settings."""
    context = Context(show, where)
    project = project_of(context, name)
    if context.output.json_wanted:
        context.output.value(project)
    elif context.output.quiet:
        context.output.line(project.project_id)
    else:
        _show(context.output, project)
    return 0


def remove(
    name: Name,
    /,
    *,
    path: Annotated[Path | None, Parameter(help="Only take this place away from it.")] = None,
    host: Annotated[str | None, Parameter(help="The machine of that place; default: this one.")] = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Remove a project to which nothing belongs, or one place of it. The repository is not touched."""
    context = Context(show, where)
    project = project_of(context, name)
    if path is not None:
        place = host or socket.gethostname(), str(whole_path(path))
        project = context.client.send(calls.work.remove_location(project.project_id, *place))
    else:
        context.client.send(calls.work.remove_project(project.project_id))
    if context.output.json_wanted:
        context.output.value(project)
    else:
        context.output.line(project.project_id if context.output.quiet else f"removed {path or project.name}")
    return 0


def _facts(directory: Path) -> Facts:
    with tempfile.TemporaryDirectory(prefix="callboard-") as home:
        try:
            return open_repository(Git(Path(home), os.environ, threading.Event()), _root_of(directory)).facts()
        except WorkspaceRefused as refused:
            whole = repository_of_worktree(_root_of(directory))
            hint = refused.hint if whole is None else f"Its repository is {whole}: callboard project add {whole}"
            raise InvalidRequest(refused.sentence, hint=hint) from None


def _root_of(directory: Path) -> Path:
    """The repository that holds a directory, by its `.git`; the directory itself where there is none."""
    return next((one for one in (directory, *directory.parents) if (one / ".git").exists()), directory)


def _rows(project: Project) -> list[list[Part]]:
    places = [(f"{one.hostname}:{one.path}", str(len(one.runner_ids))) for one in project.locations]
    same: list[Part] = [span(project.name, "bold"), project.tracker, project.default_branch or ""]
    return [[*same, place, runners] for place, runners in places or [("", "")]]


def _show(output: Output, project: Project) -> None:
    output.line(span(project.name, "bold"), f"  {project.project_id}")
    settings = project.settings
    facts: dict[str, Any] = {
        "tracker": project.tracker,
        "branch": project.default_branch,
        "base": settings.base_branch,
        "remote": project.remote_url,
        "prefix": settings.worktree_prefix,
        "worktrees": settings.worktree_root,
        "executor": settings.executor_type,
        "agent": settings.agent_name,
        "checks": ", ".join(settings.checks),
        "authors": ", ".join(settings.issue_authors),
    }
    for name, value in facts.items():
        if value:
            output.line(span(f"  {name:<12}", "dim"), str(value))
    for one in project.locations:
        count = len(one.runner_ids)
        online = f"{count} runner{'s' * (count > 1)}" if count else "no runner is online there"
        output.line(span("  place       ", "dim"), f"{one.hostname}:{one.path}", span(f"  {online}", "dim"))


def _tell_withheld(context: Context, directory: Path) -> None:
    files = withheld(context, directory)
    if files:
        count = f" and {len(files) - 1} more" if len(files) > 1 else ""
        told = f"{files[0]}{count}: agents' clients work without what the repository brings until you trust it. Look,"
        context.output.note(span(f"{told} then: callboard trust {directory}", "yellow"))


def _tell_checks(context: Context, added: AddProject) -> None:
    checks = added.settings.checks
    if checks and are_checks_withheld(context, Path(added.path)):
        told = f"Runners run its checks ({', '.join(checks)}) on each machine only once they are trusted there. Look,"
        context.output.note(span(f"{told} then: callboard trust {added.path}", "yellow"))


def _tell_next(output: Output, project: Project, added: AddProject) -> None:
    place = next((one for one in project.locations if one.path == added.path and one.hostname == added.hostname), None)
    if place is not None and not place.runner_ids:
        output.note(span(f"next: callboard runner --project-dir {added.path}", "dim"))
    else:
        local = project.tracker == "local"
        first = 'callboard task new "what is to be done"' if local else "callboard list --issues --fetch"
        output.note(span(f"next: {first}, then: callboard spawn NUMBER", "dim"))
