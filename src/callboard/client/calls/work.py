"""Calls on work: projects with their places and issues, spawn, and the jobs that runners do in repositories."""

from typing import Final

from callboard.client.call import Call, Nothing, PageOf, path, query
from callboard.client.idempotency import new_key
from callboard.wire.jobs import DiffText
from callboard.wire.responses import Session
from callboard.wire.work import (
    AddProject,
    ChangeIssue,
    ChangeProject,
    Issue,
    Job,
    NewIssue,
    Project,
    RequestJob,
    Spawn,
    Spawned,
)

DIFF_SECONDS: Final = 20.0
WAIT_MARGIN_SECONDS: Final = 10.0
"""How much longer than its own bound a held answer may take."""


def add_project(body: AddProject, *, idempotency_key: str | None = None) -> Call[Project]:
    """A project, or one more place of it."""
    key = idempotency_key or new_key()
    return Call(method="POST", path=path("projects"), body=body, response=Project, idempotency_key=key)


def list_projects(
    *,
    name: str | None = None,
    hostname: str | None = None,
    directory: str | None = None,
    page: str | None = None,
    limit: int | None = None,
) -> Call[PageOf[Project]]:
    """A page of projects by name; or the one of this name, or of which a place or worktree holds a directory."""
    wanted = query(name=name, hostname=hostname, path=directory, page=page, limit=limit)
    return Call(method="GET", path=path("projects"), query=wanted, response=PageOf[Project], repeatable=True)


def get_project(project_id: str) -> Call[Project]:
    """One project."""
    return Call(method="GET", path=path("projects", project_id), response=Project, repeatable=True)


def change_project(project_id: str, body: ChangeProject) -> Call[Project]:
    """Change its defaults."""
    return Call(method="PATCH", path=path("projects", project_id), body=body, response=Project, repeatable=True)


def remove_project(project_id: str) -> Call[Nothing]:
    """Remove a project to which nothing belongs."""
    return Call(method="DELETE", path=path("projects", project_id), response=Nothing)


def remove_location(project_id: str, hostname: str, directory: str) -> Call[Project]:
    """Take a place away from it."""
    wanted = query(hostname=hostname, path=directory)
    return Call(method="DELETE", path=path("projects", project_id, "locations"), query=wanted, response=Project)


def create_issue(project_id: str, body: NewIssue, *, idempotency_key: str | None = None) -> Call[Issue]:
    """An issue of the local tracker."""
    where, key = path("projects", project_id, "issues"), idempotency_key or new_key()
    return Call(method="POST", path=where, body=body, response=Issue, idempotency_key=key)


def list_issues(
    project_id: str, *, q: str = "", state: str | None = None, page: str | None = None, limit: int | None = None
) -> Call[PageOf[Issue]]:
    """A page of its issues, newest first; with `q` those with each of its words."""
    wanted = query(q=q or None, state=state, page=page, limit=limit)
    where = path("projects", project_id, "issues")
    return Call(method="GET", path=where, query=wanted, response=PageOf[Issue], repeatable=True)


def get_issue(project_id: str, number: int) -> Call[Issue]:
    """One issue."""
    where = path("projects", project_id, "issues", str(number))
    return Call(method="GET", path=where, response=Issue, repeatable=True)


def change_issue(project_id: str, number: int, body: ChangeIssue) -> Call[Issue]:
    """Change an issue of the local tracker."""
    where = path("projects", project_id, "issues", str(number))
    return Call(method="PATCH", path=where, body=body, response=Issue, repeatable=True)


def spawn(project_id: str, body: Spawn, *, idempotency_key: str | None = None) -> Call[Spawned]:
    """Start work on issues; `job_id` ends when the worktree is there."""
    where, key = path("projects", project_id, "spawn"), idempotency_key or new_key()
    return Call(method="POST", path=where, body=body, response=Spawned, idempotency_key=key)


def list_sessions(
    *,
    project: str | None = None,
    lifecycle: str | None = None,
    page: str | None = None,
    limit: int | None = None,
) -> Call[PageOf[Session]]:
    """A page of work sessions, newest first; the lifecycle `active` is every one that is not over."""
    wanted = query(work="true", project=project, lifecycle=lifecycle, page=page, limit=limit)
    return Call(method="GET", path=path("sessions"), query=wanted, response=PageOf[Session], repeatable=True)


def ask_project(project_id: str, body: RequestJob, *, idempotency_key: str | None = None) -> Call[Job]:
    """Have a runner of a place look at the repository."""
    where, key = path("projects", project_id, "jobs"), idempotency_key or new_key()
    return Call(method="POST", path=where, body=body, response=Job, idempotency_key=key)


def ask_session(session_id: str, body: RequestJob, *, idempotency_key: str | None = None) -> Call[Job]:
    """Have a runner look at a session's worktree, ship it or remove it."""
    where, key = path("sessions", session_id, "jobs"), idempotency_key or new_key()
    return Call(method="POST", path=where, body=body, response=Job, idempotency_key=key)


def diff(session_id: str) -> Call[DiffText]:
    """What a session's worktree changes now."""
    return Call(
        method="GET",
        path=path("sessions", session_id, "diff"),
        response=DiffText,
        repeatable=True,
        timeout_seconds=DIFF_SECONDS + WAIT_MARGIN_SECONDS,
    )


def get_job(job_id: str) -> Call[Job]:
    """Something that a runner does in a repository."""
    return Call(method="GET", path=path("jobs", job_id), response=Job, repeatable=True)


def wait_for_job(job_id: str, timeout_seconds: float) -> Call[Job]:
    """The job as soon as it has ended, or as it is after `timeout_seconds`."""
    return Call(
        method="GET",
        path=path("jobs", job_id, "wait"),
        query={"timeout": timeout_seconds},
        response=Job,
        repeatable=True,
        timeout_seconds=timeout_seconds + WAIT_MARGIN_SECONDS,
    )
