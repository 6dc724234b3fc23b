"""Tasks and milestones: what is sent and answered. Knows no rules."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from callboard.domain.checks import MAX_CHECKS, CheckOutcome
from callboard.wire.requests import Request
from callboard.wire.responses import Response
from callboard.wire.work import HowToWork, IssueNumber, Title

MAX_DEPENDENCIES = 100
CheckName = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Context = Literal["persistent", "fresh"]


class CheckText(Request, kw_only=True):
    """A check in full, which only the owner may give."""

    name: CheckName
    argv: Annotated[list[Annotated[str, Meta(max_length=4096)]], Meta(min_length=1, max_length=100)]
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] | None = None


class SetTask(Request, kw_only=True):
    """POST /tasks: how an issue is worked on as a task; said again, what is given is changed."""

    project_id: str
    number: IssueNumber
    checks: Annotated[list[CheckName | CheckText], Meta(max_length=MAX_CHECKS)] | msgspec.UnsetType = msgspec.UNSET
    """None of its own: those of the project."""
    max_iterations: Annotated[int, Meta(ge=1, le=1000)] | msgspec.UnsetType = msgspec.UNSET
    depends_on: (
        Annotated[list[IssueNumber | Annotated[str, Meta(max_length=200)]], Meta(max_length=MAX_DEPENDENCIES)]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    """Issues of the same project, as 3 or "NAME#3"."""
    context: Context | msgspec.UnsetType = msgspec.UNSET
    milestone_id: str | msgspec.UnsetType | None = msgspec.UNSET


class RunTask(HowToWork, kw_only=True):
    """POST /tasks/{id}/run and POST /milestones/{id}/start: with what the work is done."""


class SetAndRunTask(RunTask, kw_only=True):
    """POST /tasks/run: how the issue is worked on, and with what; a refusal changes nothing of the task."""

    task: SetTask


class NewMilestone(Request, kw_only=True):
    """POST /milestones."""

    project_id: str
    title: Title
    tasks: Annotated[list[IssueNumber], Meta(max_length=20)] = msgspec.field(default_factory=list)
    """Issues of the project; each becomes a task of the milestone."""


class EndMilestone(Request, kw_only=True):
    """POST /milestones/{id}/end."""

    summary: Annotated[str, Meta(min_length=1, max_length=16_384)] | None = None
    """In the place of the one that the agent would write."""


class Task(Response, kw_only=True):
    """An issue that is worked on until its checks pass."""

    task_id: str
    project_id: str
    number: int
    title: str
    status: str
    """`planned`, `running` or `ended`."""
    outcome: str | None
    """`passed`, `max_iterations`, `budget_exceeded`, `stopped`, `agent_failed` or `skipped`."""
    iteration: int
    """The present one, from 1; 0 before the first."""
    max_iterations: int
    checks: list[CheckName | CheckText]
    depends_on: list[int]
    context: Context
    milestone_id: str | None
    session_id: str | None
    lifecycle: str | None = None
    """Of its session: while that is paused or stuck nobody works on the task, also on one that is `running`."""
    run_id: str | None
    """Of the latest iteration."""
    last_checks: list[CheckOutcome]
    """What the checks of the latest judged iteration said."""
    started_at: str | None
    ended_at: str | None
    created_at: str


class TaskStarted(Response, kw_only=True):
    """201 of a task or a milestone that was started; `job_id` ends when the worktree is there."""

    session_id: str
    run_id: str
    job_id: str | None
    """null: the worktree is there."""
    task_id: str | None
    milestone_id: str | None
    handle: str
    branch: str


class Milestone(Response, kw_only=True):
    """Tasks that are done in one session, in one worktree, in the order of their dependencies."""

    milestone_id: str
    project_id: str
    number: int
    title: str
    state: str
    """`planned`, `active`, `ending` (the agent writes the summary) or `ended`."""
    session_id: str | None
    lifecycle: str | None
    """Of its session, while it is active or ending: cancelled or deleted, it can be started anew."""
    next_step: str | None
    """What a person does so that it goes on, ends or begins anew; null where nobody is waited for."""
    summary: str | None
    """What was done, decided and is open, as the agent wrote it at the end."""
    tasks: list[Task]
    """In the order in which they are done."""
    created_at: str
    started_at: str | None
    ended_at: str | None
