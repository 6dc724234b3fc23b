"""What may stand behind the question mark of an address: names, types and bounds. Knows no route."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from callboard.domain.approval import ApprovalStatus
from callboard.domain.callback import CallbackStatus
from callboard.domain.run import RunStatus
from callboard.domain.session import SessionStatus
from callboard.domain.text import MAX_INTEGER

MAX_LIMIT = 200
_ID_END = "_[0-7][0-9a-hjkmnp-tv-z]{25}$"

SessionId = Annotated[str, Meta(pattern="^ses" + _ID_END)]
RunId = Annotated[str, Meta(pattern="^run" + _ID_END)]
ApprovalId = Annotated[str, Meta(pattern="^apr" + _ID_END)]
CallbackId = Annotated[str, Meta(pattern="^cbk" + _ID_END)]
TokenId = Annotated[str, Meta(pattern="^tok" + _ID_END)]
ProjectId = Annotated[str, Meta(pattern="^prj" + _ID_END)]
JobId = Annotated[str, Meta(pattern="^job" + _ID_END)]
TaskId = Annotated[str, Meta(pattern="^tsk" + _ID_END)]
MilestoneId = Annotated[str, Meta(pattern="^mst" + _ID_END)]
RunnerId = Annotated[str, Meta(pattern="^rnr_[0-9a-f]{20}$")]
ShortWord = Annotated[str, Meta(min_length=1, max_length=200)]
SessionIds = Annotated[str, Meta(max_length=1000, pattern=f"^ses{_ID_END[:-1]}(,ses{_ID_END[:-1]})*$")]
"""Up to 31 ids, separated by commas."""
TypeList = Annotated[str, Meta(max_length=2000, pattern="^[a-z][a-z0-9_.]*(,[a-z][a-z0-9_.]*)*$")]
Lifecycle = Literal[
    "active",
    "registered",
    "planning",
    "planning_complete",
    "working",
    "shipping",
    "reviews_in_progress",
    "pr_ready",
    "complete",
    "stuck",
    "paused",
    "cancelled",
    "deleted",
]
GroupBy = Literal[
    "day", "session", "tree", "run", "model", "agent", "project", "milestone", "user", "executor", "runner"
]


class Query(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Query parameters; an unknown one is an error, an empty one counts as absent."""


class PageQuery(Query, kw_only=True):
    """A page of a list."""

    page: Annotated[str, Meta(max_length=1000, description="`next_page` of the answer before.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="How many items at most.")] = 50


class RunsQuery(PageQuery, kw_only=True):
    """GET /runs."""

    status: RunStatus | None = None
    session_id: SessionId | None = None
    runner_id: RunnerId | None = None


class WaitQuery(Query, kw_only=True):
    """GET /runs/{id}/wait."""

    timeout: Annotated[float, Meta(ge=0, le=600, description="Seconds after which the run is shown as it is.")] = 30


class CallbacksQuery(PageQuery, kw_only=True):
    """GET /callbacks."""

    status: CallbackStatus | None = None
    session_id: SessionId | None = None


class TranscriptPartQuery(Query, kw_only=True):
    """GET /sessions/{id}/transcript/parts."""

    run_id: RunId
    attempt: Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class ApprovalsQuery(PageQuery, kw_only=True):
    """GET /approvals."""

    status: ApprovalStatus | None = None
    session_id: SessionId | None = None


class SessionsQuery(PageQuery, kw_only=True):
    """GET /sessions."""

    status: SessionStatus | None = None
    agent_name: ShortWord | None = None
    parent_session_id: SessionId | None = None
    root_session_id: SessionId | None = None
    project: ShortWord | None = None
    work: Annotated[bool, Meta(description="Only work sessions, which are on issues.")] = False
    lifecycle: Annotated[
        Lifecycle | None, Meta(description="Work sessions in this state; `active`: on-going ones.")
    ] = None
    ref: Annotated[str, Meta(min_length=1, max_length=100, description="A session reference.")] | None = None
    q: (
        Annotated[
            str, Meta(min_length=1, max_length=200, description="Words that all stand in title, labels, agent or id.")
        ]
        | None
    ) = None


class ProjectsQuery(PageQuery, kw_only=True):
    """GET /projects; hostname and path together: of which a place or a worktree holds that directory."""

    name: ShortWord | None = None
    hostname: ShortWord | None = None
    path: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None


class LocationQuery(Query, kw_only=True):
    """DELETE /projects/{id}/locations."""

    hostname: Annotated[str, Meta(min_length=1, max_length=255)]
    path: Annotated[str, Meta(min_length=1, max_length=4096)]


class IssuesQuery(PageQuery, kw_only=True):
    """GET /projects/{id}/issues."""

    state: Literal["open", "closed"] | None = None
    q: Annotated[str, Meta(max_length=200)] | None = None
    """Only issues with each of these words in `#NUMBER TITLE`; `#12` is the number alone."""


class TasksQuery(PageQuery, kw_only=True):
    """GET /tasks."""

    project_id: ProjectId | None = None
    milestone_id: MilestoneId | None = None
    number: Annotated[int, Meta(ge=1, le=MAX_INTEGER, description="Of the issue.")] | None = None


class MilestonesQuery(PageQuery, kw_only=True):
    """GET /milestones."""

    project_id: ProjectId | None = None
    number: Annotated[int, Meta(ge=1, le=MAX_INTEGER)] | None = None


class EventsQuery(PageQuery, kw_only=True):
    """GET /sessions/{id}/events; `page` outweighs `after`."""

    after: Annotated[int, Meta(ge=0, le=MAX_INTEGER, description="The `seq` after which to begin.")] = 0
    types: Annotated[TypeList, Meta(description="Only these event types, separated by commas.")] | None = None


class StreamQuery(Query, kw_only=True):
    """GET /sse/sessions."""

    session_id: SessionId | None = None
    also: (
        Annotated[SessionIds, Meta(description="Further sessions besides `session_id`, of which the same is wanted.")]
        | None
    ) = None
    root_session_id: SessionId | None = None
    types: Annotated[TypeList, Meta(description="Only these event types; `delta` for pieces of messages.")] | None = (
        None
    )
    everywhere: (
        Annotated[TypeList, Meta(description="Types that are wanted from all sessions, besides those of the session.")]
        | None
    ) = None
    after: (
        Annotated[str, Meta(max_length=100, description="The cursor after which to begin; else from now.")] | None
    ) = None


class PollQuery(msgspec.Struct, kw_only=True):
    """GET /runner/runs; unknown parameters of newer runners are accepted."""

    runner_id: RunnerId
    epoch: Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
    wait: Annotated[float, Meta(ge=0, le=60, description="Seconds to hold the request open.")] = 30
    slots: Annotated[int, Meta(ge=0, le=10_000, description="How many runs the runner can take now.")] = 1


class UsageQuery(PageQuery, kw_only=True):
    """GET /usage."""

    group_by: GroupBy = "day"
    from_: Annotated[str, Meta(max_length=40, description="RFC 3339; usage booked at or after.")] | None = (
        msgspec.field(name="from", default=None)
    )
    to: Annotated[str, Meta(max_length=40, description="RFC 3339; usage booked before.")] | None = None
    within: (
        Annotated[
            str,
            Meta(max_length=300, description="Only a group of another grouping: `agent:reviewer`, `day:2026-01-31`."),
        ]
        | None
    ) = None
    session_id: SessionId | None = None
    order: Annotated[
        Literal["key", "cost"], Meta(description="By ascending key, or the dearest first; no known price last.")
    ] = "key"
