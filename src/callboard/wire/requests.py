"""Bodies that people and agents send: an unknown field is an error."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from callboard.domain.approval import Scope as ApprovalScope
from callboard.domain.event import MAX_IMPORT_LINES
from callboard.domain.run import ExecutionMode, OnBusy, OnLost, RunType
from callboard.domain.session import Context
from callboard.domain.text import MAX_INTEGER, MAX_TITLE

Limit = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
"""A budget. With one of nothing no run would ever begin."""
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]
ShortText = Annotated[str, Meta(max_length=MAX_TITLE)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Tag = Annotated[str, Meta(min_length=1, max_length=100)]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]
Labels = Annotated[dict[Name, ShortText], Meta(max_length=50)]
PermissionMode = Literal["read_only", "ask", "edit", "full"]


class Request(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A body of a person or an agent."""


class Limits(Request, kw_only=True):
    """Limits of a run. Absent means the default of the coordinator, or none."""

    timeout_seconds: Seconds | None = None
    queue_timeout_seconds: Seconds | None = None
    no_match_seconds: Seconds | None = None
    max_turns: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    budget_microdollars: Limit | None = None
    budget_tokens: Limit | None = None


class Decide(Request, kw_only=True):
    """POST /approvals/{id}/decide."""

    decision: Literal["allow", "deny"]
    content_hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """That of the request which was looked at; another one is refused."""
    reason: Annotated[str, Meta(max_length=4000)] | None = None
    """Told to the agent."""
    updated_input: dict[str, Any] | None = None
    """The tool input that is allowed in place of the one asked for."""
    scope: ApprovalScope = "once"
    """session: what is like it is allowed for the rest of the session; `session_allows` says what that is."""


class AdditionalDemands(Request, kw_only=True):
    """What the run demands of a runner besides what follows from its session and agent."""

    hostname: Name | None = None
    project_dir: Path | None = None
    executor_type: Name | None = None
    tags: Annotated[list[Tag], Meta(max_length=50)] = []


class CreateRun(Request, kw_only=True):
    """POST /runs. Exactly one of `prompt` and `parameters`; `session_id` exactly for resume_session."""

    type: RunType
    prompt: str | None = None
    parameters: dict[str, Any] | None = None
    session_id: str | None = None
    agent_name: Name | None = None
    executor_type: Name | None = None
    title: ShortText | None = None
    project_dir: Path | None = None
    project: Name | None = None
    parent_session_id: str | None = None
    execution_mode: ExecutionMode = "sync"
    additional_demands: AdditionalDemands | None = None
    context: Context | None = None
    portable: bool | None = None
    """Only with start_session: the transcript is kept here too, so that another host may go on with it."""
    on_busy: OnBusy = "enqueue"
    on_lost: OnLost = "wait"
    from_log: bool = False
    """Only with resume_session: hands over to a new conversation that is told the stored turns, on any host."""
    repeatable: bool = False
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    model: Name | None = None
    permission_mode: PermissionMode | None = None
    limits: Limits | None = None
    labels: Labels | None = None


class Nothing(Request, kw_only=True):
    """A body that has nothing to say; it may be left out."""


class StopRun(Request, kw_only=True):
    """POST /runs/{id}/stop."""


class StopSession(Request, kw_only=True):
    """POST /sessions/{id}/stop."""

    subtree: bool = False


class RetryRun(Request, kw_only=True):
    """POST /runs/{id}/retry."""


class ForkSession(Request, kw_only=True):
    """POST /sessions/{id}/fork: a new session that is told the turns of this one."""

    prompt: str
    """What it is to do then."""
    title: ShortText | None = None


class CreateExternalSession(Request, kw_only=True):
    """POST /sessions: a conversation that another process leads."""

    executor_type: Name
    executor_session_id: Annotated[str, Meta(min_length=1, max_length=500)]
    hostname: Name
    project_dir: Path
    agent_name: Name | None = None
    parent_session_id: str | None = None
    title: ShortText | None = None


class UpdateSession(Request, kw_only=True):
    """PATCH /sessions/{id}; a field that is absent stays as it is."""

    title: ShortText | msgspec.UnsetType | None = msgspec.UNSET
    labels: Labels | msgspec.UnsetType = msgspec.UNSET


class CreateToken(Request, kw_only=True):
    """POST /tokens."""

    kind: Literal["user", "read_only", "runner_join"]
    label: ShortText = ""
    project_id: str | None = None
    expires_in_seconds: Seconds | None = None


class ImportEvent(msgspec.Struct, kw_only=True):
    """One line of an old log; unknown fields are kept in the payload."""

    event_type: str
    timestamp: str | None = None


class ImportLog(Request, kw_only=True):
    """POST /sessions/import: the lines of an old log, in its order."""

    lines: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=MAX_IMPORT_LINES)]
