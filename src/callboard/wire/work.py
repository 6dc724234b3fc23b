"""Projects, issues, work sessions and jobs in repositories: what is sent and answered. Knows no rules."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from callboard.domain.text import MAX_INTEGER, MAX_TITLE
from callboard.wire.requests import Limits, Name, Path, PermissionMode, Request
from callboard.wire.responses import Response
from callboard.wire.runner import Number, Report

MAX_BODY_CHARACTERS = 65_536

IssueNumber = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Title = Annotated[str, Meta(min_length=1, max_length=MAX_TITLE)]
Body = Annotated[str, Meta(max_length=MAX_BODY_CHARACTERS)]
Branch = Annotated[str, Meta(min_length=1, max_length=200)]
Url = Annotated[str, Meta(max_length=2000)]
Tracker = Literal["local", "github"]
IssueState = Literal["open", "closed"]
AcceptText = Annotated[
    dict[Annotated[str, Meta(pattern="^[1-9][0-9]{0,15}$")], Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]],
    Meta(max_length=20),
]
"""Hashes of texts by number of their issue."""
JobKind = Literal["prepare", "undo", "write_state", "remove", "ship", "diff", "list_worktrees", "fetch_issues"]


class ProjectSettings(Request, kw_only=True):
    """What .callboard/config.toml of a repository says of its work; null or absent: the default."""

    worktree_prefix: Annotated[str, Meta(max_length=100)] | None = None
    worktree_root: Path | None = None
    base_branch: Branch | None = None
    executor_type: Name | None = None
    agent_name: Name | None = None
    checks: Annotated[list[Name], Meta(max_length=20)] = msgspec.field(default_factory=list)
    """Names of checks; what they execute stands in files on the runner's machine."""
    issue_authors: Annotated[list[Name], Meta(max_length=100)] = msgspec.field(default_factory=list)
    """Whose issues at a tracker elsewhere may begin work besides those of its owners, members and collaborators."""


class AddProject(Request, kw_only=True):
    """POST /projects: a repository at a place; a project of this name gets one more place."""

    name: Name
    hostname: Name
    path: Path
    default_branch: Branch | None = None
    remote_url: Url | None = None
    tracker: Tracker = "local"
    settings: ProjectSettings = msgspec.field(default_factory=ProjectSettings)
    replace_issues: bool = False
    """Take another tracker though issues are kept here: each is lost once one of its number is fetched."""


class ChangeProject(Request, kw_only=True):
    """PATCH /projects/{id}; what is absent stays as it is."""

    default_branch: Branch | msgspec.UnsetType = msgspec.UNSET
    tracker: Tracker | msgspec.UnsetType = msgspec.UNSET
    settings: ProjectSettings | msgspec.UnsetType = msgspec.UNSET
    replace_issues: bool = False
    """With another tracker: though issues are kept here, each of which is lost once one of its number is fetched."""


class NewIssue(Request, kw_only=True):
    """POST /projects/{id}/issues: an issue of the local tracker."""

    title: Title
    body: Body = ""


class ChangeIssue(Request, kw_only=True):
    """PATCH /projects/{id}/issues/{number}, of the local tracker; what is absent stays as it is."""

    title: Title | msgspec.UnsetType = msgspec.UNSET
    body: Body | msgspec.UnsetType = msgspec.UNSET
    state: IssueState | msgspec.UnsetType = msgspec.UNSET


class HowToWork(Request, kw_only=True):
    """With what, and on which ground, work on issues is done."""

    executor_type: Name | None = None
    agent_name: Name | None = None
    model: Name | None = None
    permission_mode: PermissionMode | None = None
    base_branch: Branch | None = None
    reuse_branch: bool = False
    """Go on with a branch of this name that is there already."""
    new_branch: bool = False
    """If a branch of this name is there already, take the next free name (`-2`, `-3`, …)."""
    hostname: Name | None = None
    limits: Limits | None = None
    accept_text: AcceptText = msgspec.field(default_factory=dict)
    """Work on exactly these texts, though strangers wrote them; the refusal and a dry run say the hashes."""


class Spawn(HowToWork, kw_only=True):
    """POST /projects/{id}/spawn: one session for these issues, in their order, in a worktree of its own."""

    issues: Annotated[list[int], Meta(max_length=1000)]
    """At most 20, each once; the refusal names every one that is wrong."""
    dry_run: bool = False


class ChangeLifecycle(Request, kw_only=True):
    """POST /sessions/{id}/lifecycle: a report of the worker, or an action of a person; exactly one of the two."""

    report: (
        Literal[
            "planning",
            "planning_complete",
            "working",
            "shipping",
            "reviews_in_progress",
            "pr_ready",
            "complete",
            "stuck",
        ]
        | None
    ) = None
    action: Literal["pause", "resume", "restart", "cancel", "forward", "heartbeat", "delete"] | None = None
    reason: Annotated[str, Meta(max_length=4000)] | None = None
    """Why it is stuck; required for that."""
    pull_request_url: Url | None = None
    text: Annotated[str, Meta(min_length=1, max_length=16_384)] | None = None
    """Guidance, with forward; with resume it is forwarded first."""
    confirm: Annotated[str, Meta(max_length=200)] | None = None
    """With delete: the value that was printed when work would have been lost."""
    keep_worktree: bool = False
    """With delete."""


class Guidance(Response, kw_only=True):
    """What a person wanted the worker of a session to do."""

    guidance_id: str
    text: str
    created_by: str
    created_by_label: str | None
    """What the token is called that gave it."""
    created_at: str
    current: bool
    message_status: str | None
    """Said to the agent at work: `offered`, `taken` or `cancelled`; null: nobody listened.

    The current one stands in later prompts all the same.
    """


class RequestJob(Request, kw_only=True):
    """POST /projects/{id}/jobs or /sessions/{id}/jobs: ask a runner of a location to look at, or ship, something."""

    kind: Literal["ship", "diff", "list_worktrees", "fetch_issues", "remove"]
    confirm: Annotated[str, Meta(max_length=200)] | None = None
    options: dict[str, Any] = msgspec.field(default_factory=dict)


class Location(Response, kw_only=True):
    """A place where a project's repository is."""

    hostname: str
    path: str
    runner_ids: list[str]
    """Online runners that may work there."""


class Project(Response, kw_only=True):
    """A repository with its tracker, places and defaults."""

    project_id: str
    name: str
    default_branch: str | None
    remote_url: str | None
    tracker: str
    settings: ProjectSettings
    locations: list[Location]
    open_issues: int
    """That are known here."""
    active_sessions: int
    """Work sessions that hold issues."""
    created_at: str


class Issue(Response, kw_only=True):
    """A numbered item of a project's tracker."""

    project_id: str
    number: int
    title: str
    body: str
    state: str
    session_id: str | None
    """The active work session on it."""
    task_id: str | None
    milestone_id: str | None
    created_at: str
    updated_at: str


class Spawned(Response, kw_only=True):
    """201 of a spawn: reserved; `job_id` ends when the worktree is there. With dry_run nothing was reserved."""

    session_id: str | None
    run_id: str | None
    job_id: str | None
    handle: str
    branch: str
    directory_name: str
    state_file: str
    executor_type: str | None = None
    """Which executor its first run takes, whoever named it: the request, the agent, the project or the coordinator."""
    dry_run: bool = False


class Job(Response, kw_only=True):
    """Something that a runner of a location does in a repository."""

    job_id: str
    kind: str
    project_id: str
    session_id: str | None
    status: str
    """`waiting`, `taken`, `done` or `failed`."""
    runner_id: str | None
    answer: Any
    error: dict[str, Any] | None
    """{code, message, hint}, for failed."""
    created_at: str
    deadline_at: str
    ended_at: str | None


class JobEnded(Report, kw_only=True):
    """POST /runner/jobs/{id}: the job is done, or cannot be (error_code set)."""

    runner_id: str
    epoch: Number
    answer: Any = None
    error_code: Annotated[str, Meta(max_length=100)] | None = None
    error_message: Annotated[str, Meta(max_length=16_384)] | None = None
    error_hint: Annotated[str, Meta(max_length=4000)] | None = None
