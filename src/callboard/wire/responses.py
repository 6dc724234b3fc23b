"""Answers to people and agents. Times are RFC 3339 in UTC with milliseconds, money is in micro-dollars."""

from typing import Any

import msgspec

from callboard.domain.usage import UsageTotal
from callboard.wire.agent_snapshot import AgentSnapshot
from callboard.wire.budgets import Budget
from callboard.wire.work_state import WorkState


class Response(msgspec.Struct, kw_only=True):
    """An answer."""


class RunCreated(Response, kw_only=True):
    """201 of POST /runs and of a retry."""

    run_id: str
    session_id: str
    status: str


class RunError(Response, kw_only=True):
    """Why a run failed."""

    code: str
    message: str


class Run(Response, kw_only=True):
    """A run, with its own result."""

    run_id: str
    session_id: str
    number: int
    type: str
    trigger: str
    status: str
    attempt: int
    tries: int
    executor_type: str
    agent_name: str | None
    agent: AgentSnapshot | None
    prompt: str | None
    parameters: dict[str, Any] | None
    demands: dict[str, Any]
    execution_mode: str
    priority: int
    limits: dict[str, Any]
    on_lost: str
    repeatable: bool
    model: str | None
    permission_mode: str | None
    project_dir: str | None
    runner_id: str | None
    lease_expires_at: str | None
    stop_requested_at: str | None
    stopped_by: str | None
    reason: str | None
    reason_text: str | None
    exit_code: int | None
    error: RunError | None
    result_text: str | None
    result_data: Any
    certainty: str | None
    task_id: str | None
    retry_of: str | None
    created_at: str
    claimed_at: str | None
    started_at: str | None
    interrupted_at: str | None
    ended_at: str | None
    usage: UsageTotal


class Binding(Response, kw_only=True):
    """Which executor conversation carries the session."""

    generation: int
    executor_type: str
    executor_session_id: str
    hostname: str
    project_dir: str | None
    runner_id: str | None
    run_id: str | None
    bound_at: str
    ended_at: str | None
    reason: str


class Workspace(Response, kw_only=True):
    """Where a work session's files are."""

    hostname: str
    path: str
    branch: str | None
    base_commit: str | None


class Children(Response, kw_only=True):
    """How many children a session has, and how many of them have no live or waiting run."""

    total: int
    ended: int


class Session(Response, kw_only=True):
    """A session."""

    session_id: str
    status: str
    group: str
    title: str | None
    agent_name: str | None
    executor_type: str | None
    model: str | None
    """That its latest run was asked to take; else that which wrote most of the session, once that is booked."""
    project_id: str | None
    milestone_id: str | None
    parent_session_id: str | None
    root_session_id: str
    depth: int
    forked_from_session_id: str | None
    created_by: str
    context: str
    portable: bool
    """Whether its transcript is kept here too, so that another host may go on with it."""
    labels: dict[str, str]
    handle: str | None
    issues: list[dict[str, Any]]
    workspace: Workspace | None
    lifecycle: str | None
    work: WorkState | None
    """Of a work session."""
    waiting_for: str | None
    summary: str | None
    project_dir: str | None
    hostname: str | None
    """Of the live attempt, else of the latest; of the open binding where there was none."""
    binding: Binding | None
    external: bool
    queued_runs: int
    held_callbacks: int
    """How many ends of children it is not told until it goes on."""
    run_count: int
    latest_run_id: str | None
    reason: str | None
    reason_text: str | None
    exit_code: int | None
    last_seq: int
    children: Children
    usage: UsageTotal
    budget: Budget | None
    """The pool that it draws from; null where no budget holds."""
    created_at: str
    updated_at: str
    last_resumed_at: str | None
    ended_at: str | None
    archived_at: str | None


class ExternalSession(Response, kw_only=True):
    """201 of POST /sessions; 200 without a token when the conversation is known already."""

    session_id: str
    run_id: str
    session_token: str | None


class TreeNode(Response, kw_only=True):
    """A session in its tree; usage of itself and of all below it."""

    session_id: str
    parent_session_id: str | None
    depth: int
    status: str
    group: str
    title: str | None
    agent_name: str | None
    waiting_for: str | None
    lifecycle: str | None
    queued_runs: int
    children: list[str]
    usage_self: UsageTotal
    usage_subtree: UsageTotal
    created_at: str


class Tree(Response, kw_only=True):
    """The tree below a session, parents before children."""

    session_id: str
    root_session_id: str
    counts: dict[str, int]
    nodes: list[TreeNode]


class Result(Response, kw_only=True):
    """The result of a session's latest run."""

    session_id: str
    run_id: str
    status: str
    result_text: str | None
    result_data: Any


class Event(Response, kw_only=True):
    """One entry of a session's log."""

    session_id: str
    seq: int
    cursor: str
    run_id: str | None
    attempt: int | None
    type: str
    at: str
    source_at: str | None
    payload: msgspec.Raw


class WhyReason(Response, kw_only=True):
    """Why one runner does not take the run."""

    code: str
    sentence: str


class WhyRunner(Response, kw_only=True):
    """One runner's answer to a run; no reasons means that it will take it."""

    runner_id: str
    name: str
    hostname: str
    state: str
    fits: bool
    reasons: list[WhyReason]


class Why(Response, kw_only=True):
    """Why a run waits, or why it ended: `sentence` is the short answer."""

    run_id: str
    status: str
    sentence: str
    code: str
    reason: str | None
    next_step: str | None
    demands: dict[str, Any]
    place_in_queue: int | None
    waits_for_run_id: str | None
    no_match_deadline_at: str | None
    queue_deadline_at: str | None
    lost_deadline_at: str | None
    moves_at: str | None
    """When runners of other hosts may take the run of a portable session."""
    runners: list[WhyRunner]


class WaitingRun(Response, kw_only=True):
    """A run that waits, and why; what each runner says to it is in /runs/{id}/why."""

    run: Run
    title: str | None
    """Of its session."""
    why: Why


class Stopped(Response, kw_only=True):
    """The runs that the stop reached; `status` of the thing asked for."""

    status: str
    stopping: list[str]
    cancelled: list[str]


class Runner(Response, kw_only=True):
    """A runner."""

    runner_id: str
    name: str
    hostname: str
    project_dir: str
    roots: list[str]
    executor_types: list[str]
    tags: list[str]
    require_matching_tags: bool
    slots: int
    live_runs: int
    state: str
    draining: bool
    version: str
    epoch: int
    facts: dict[str, Any]
    clock_skew_ms: int
    registered_at: str
    last_heard_at: str


class UsageGroup(Response, kw_only=True):
    """A sum of the ledger for one value of the grouping."""

    key: str
    usage: UsageTotal
    name: str | None = None
    """Of a project, milestone, session or runner, the label of a user's token, or the number of a run, where known."""


class SessionUsage(Response, kw_only=True):
    """Usage of a session: itself, its subtree, and per run and model."""

    session_id: str
    self: UsageTotal
    subtree: UsageTotal
    by_run: list[UsageGroup]
    by_model: list[UsageGroup]
    budget: Budget | None
    """The pool that it draws from; null where no budget holds."""


class Token(Response, kw_only=True):
    """A token without its secret."""

    token_id: str
    kind: str
    label: str
    project_id: str | None
    session_id: str | None
    runner_id: str | None
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class TokenCreated(Response, kw_only=True):
    """201 of POST /tokens: the only time that the secret is shown."""

    token_id: str
    token: str
    kind: str


class Page(Response, kw_only=True):
    """A page of a list; `next_page` is opaque and null on the last."""

    items: list[Any]
    next_page: str | None
    limit: int


class EventPage(Page, kw_only=True):
    """A page of a session's log; events below `first_seq` are not kept any more."""

    items: list[Event]
    first_seq: int = 1


class Me(Response, kw_only=True):
    """GET /tokens/self: what the bearer may do."""

    token_id: str
    kind: str
    project_id: str | None
    session_id: str | None
    runner_id: str | None


class Problem(Response, kw_only=True, omit_defaults=True):
    """application/problem+json, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    hint: str = ""
    errors: list[dict[str, Any]] = []
