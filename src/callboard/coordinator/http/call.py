"""What a handler gets: who asks, what was asked, and the services that can answer it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from callboard.coordinator.http.held import HeldRequests
from callboard.coordinator.metrics import Metrics
from callboard.coordinator.services.agent_files import AgentFileService
from callboard.coordinator.services.agents import AgentService
from callboard.coordinator.services.approvals import ApprovalService
from callboard.coordinator.services.bindings import BindingService
from callboard.coordinator.services.board import BoardService
from callboard.coordinator.services.budgets import BudgetService
from callboard.coordinator.services.callbacks import CallbackService
from callboard.coordinator.services.dispatch import Dispatch
from callboard.coordinator.services.external import ExternalService
from callboard.coordinator.services.issues import IssueService
from callboard.coordinator.services.job_requests import JobRequestService
from callboard.coordinator.services.jobs import JobService
from callboard.coordinator.services.journal import EventService
from callboard.coordinator.services.lifecycle import LifecycleService
from callboard.coordinator.services.logins import LoginService
from callboard.coordinator.services.messages import MessageService
from callboard.coordinator.services.milestones import MilestoneService
from callboard.coordinator.services.projects import ProjectService
from callboard.coordinator.services.reports import ReportService
from callboard.coordinator.services.runners import RunnerService
from callboard.coordinator.services.runs import RunService
from callboard.coordinator.services.sessions import SessionService
from callboard.coordinator.services.spawn import SpawnService
from callboard.coordinator.services.stops import StopService
from callboard.coordinator.services.tasks import TaskService
from callboard.coordinator.services.tokens import TokenService
from callboard.coordinator.services.transcripts import TranscriptService
from callboard.coordinator.services.usage import UsageService
from callboard.coordinator.services.why import WhyService
from callboard.coordinator.stream import Stream
from callboard.domain.caller import Caller
from callboard.domain.idempotency import Idempotency

Readiness = Callable[[], Awaitable[dict[str, str]]]
"""The checks of readiness by name; `ok`, or what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that a route may call."""

    runs: RunService
    stops: StopService
    dispatch: Dispatch
    reports: ReportService
    events: EventService
    bindings: BindingService
    runners: RunnerService
    sessions: SessionService
    external: ExternalService
    why: WhyService
    usage: UsageService
    budgets: BudgetService
    callbacks: CallbackService
    agents: AgentService
    agent_files: AgentFileService
    approvals: ApprovalService
    lifecycle: LifecycleService
    messages: MessageService
    tokens: TokenService
    logins: LoginService
    board: BoardService
    transcripts: TranscriptService
    projects: ProjectService
    issues: IssueService
    spawn: SpawnService
    jobs: JobService
    job_requests: JobRequestService
    tasks: TaskService
    milestones: MilestoneService


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What of this process routes show or use besides the services."""

    stream: Stream
    metrics: Metrics
    readiness: Readiness
    held: HeldRequests
    renewal_refused: Callable[[], None]
    """Told when a report, which renews leases, was refused because the store did not answer."""
    openapi: Callable[[], bytes]
    """The description of the API as JSON."""
    mcp: Callable[[], ASGIApp | None]
    """The application behind the address of MCP, if there is one."""


@dataclass(slots=True)
class Call:
    """One request, checked and parsed."""

    services: Services
    process: Process
    caller: Caller
    headers: Mapping[bytes, bytes]
    scope: Scope
    receive: Receive
    send: Send
    request_id: str
    secret: str = ""
    """What proved the caller; empty on open routes."""
    id: str = ""
    """The id or name in the path, well formed; empty where the path has none."""
    number: int = 0
    """The number in the path, where it has one."""
    query: Any = None
    """The route's query struct."""
    body: Any = None
    """The route's request struct."""
    idempotency: Idempotency | None = None

    async def check_token(self) -> None:
        """Unauthenticated when the caller's token has ended since it was let in."""
        await self.services.tokens.authenticate(self.secret)

    def header(self, name: bytes) -> str | None:
        """A header's text, or None."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1").strip()
