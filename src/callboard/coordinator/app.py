"""The coordinator put together: the only place that knows all of its parts."""

import functools
import secrets
from pathlib import Path
from typing import Final

import structlog

from callboard.coordinator.config import Config
from callboard.coordinator.http.application import Application
from callboard.coordinator.http.call import Process, Services
from callboard.coordinator.http.held import HeldRequests
from callboard.coordinator.http.mcp import Mount
from callboard.coordinator.http.openapi import describe_as_json
from callboard.coordinator.http.routes import ROUTES
from callboard.coordinator.loops import Loop, Loops
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
from callboard.coordinator.services.feed import EventFeed
from callboard.coordinator.services.fleet import Fleet
from callboard.coordinator.services.issues import IssueService
from callboard.coordinator.services.job_requests import JobRequestService
from callboard.coordinator.services.jobs import JobService
from callboard.coordinator.services.journal import EventService
from callboard.coordinator.services.leases import LeaseService
from callboard.coordinator.services.lifecycle import LifecycleService
from callboard.coordinator.services.logins import LoginService
from callboard.coordinator.services.messages import MessageService
from callboard.coordinator.services.milestones import MilestoneService
from callboard.coordinator.services.projects import ProjectService
from callboard.coordinator.services.reports import ReportService
from callboard.coordinator.services.retention import RetentionService
from callboard.coordinator.services.runners import RunnerService
from callboard.coordinator.services.runs import RunService
from callboard.coordinator.services.sessions import SessionService
from callboard.coordinator.services.signals import Signals
from callboard.coordinator.services.spawn import SpawnService
from callboard.coordinator.services.stops import StopService
from callboard.coordinator.services.tasks import TaskService
from callboard.coordinator.services.tokens import TokenService
from callboard.coordinator.services.transcripts import TranscriptService
from callboard.coordinator.services.usage import UsageService
from callboard.coordinator.services.why import WhyService
from callboard.coordinator.stream import Stream
from callboard.domain.errors import Conflict, Unavailable
from callboard.domain.ids import Ids, IdSource
from callboard.domain.piece import Piece
from callboard.store.clock import Clock
from callboard.store.data_dir import DataDirectory, DirectoryInUse, read_private_file, write_private_file
from callboard.store.database import Database, StoreRefused
from callboard.store.hints import Appended, Hint, LookAgain, TokenRevoked
from callboard.store.postgres import open_postgres
from callboard.store.sqlite import open_sqlite
from callboard.store.tokens import new_secret

__all__ = ["Application", "Coordinator", "DataDirectory", "Mount", "build"]

OWNER_FILE: Final = "token"
JOIN_FILE: Final = "runner-token"
URL_FILE: Final = "url"
PRUNE_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)


class Coordinator:
    """Everything of one process behind its HTTP server."""

    def __init__(self, config: Config, database: Database, ids: Ids, mount: Mount | None = None) -> None:
        rules = config.lease_rules()
        self._database = database
        self._signals = Signals()
        self._fleet = Fleet(database, rules)
        tokens = TokenService(database, ids)
        alone = database.pieces is None
        self.stream = Stream(EventFeed(database), tokens.authenticate, config.stream_rules(), alone=alone)
        self.held = HeldRequests(config.token_recheck_seconds)
        self.metrics = Metrics()
        self.services = self._all_services(config, ids, tokens)
        leases = LeaseService(database, rules)
        self._retention = RetentionService(database, config.retention_ms)
        self._callbacks = Loop("callbacks", self.services.callbacks.sweep_once, config.sweep_seconds)
        self._messages = Loop("messages", self.services.messages.sweep_once, config.sweep_seconds)
        self._budgets = Loop("budgets", self.services.budgets.sweep_once, config.sweep_seconds)
        self.loops = self._looking_after(leases, config)
        process = Process(
            stream=self.stream,
            metrics=self.metrics,
            readiness=self.readiness,
            held=self.held,
            renewal_refused=leases.renewal_refused,
            openapi=functools.cache(describe_as_json),
            mcp=lambda: self._mcp,
        )
        self.asgi = Application(ROUTES, self.services, process, config)
        self._mcp = mount(self.asgi, config) if mount is not None else None
        self._measure()
        self._subscribe()

    def _subscribe(self) -> None:
        for listener in (self._signals.on_hints, self._fleet.on_hints, self.services.dispatch.on_hints, self._on_hints):
            self._database.subscribe(listener)
        if (pieces := self._database.pieces) is not None:
            self.stream.on_wants_pieces = pieces.want
            pieces.subscribe(self._on_pieces)
            self.metrics.gauge("pieces_left_out", "Pieces not passed on between coordinators.", lambda: pieces.left_out)

    def _publish(self, piece: Piece) -> None:
        self.stream.delta(piece)
        if self._database.pieces is not None:
            self._database.pieces.tell(piece)

    def _on_pieces(self, sender: str, pieces: list[Piece]) -> None:
        for piece in pieces:
            self.stream.delta(piece, sender)

    def _all_services(self, config: Config, ids: Ids, tokens: TokenService) -> Services:
        database, shared = self._database, (self._database, self._fleet)
        rules, limits = config.lease_rules(), config.tree_limits()
        jobs = JobService(*shared, self._signals, ids, config.work_rules())
        spawns = SpawnService(*shared, ids, rules, limits, config.work_rules(), config.default_executor)
        return Services(
            runs=RunService(*shared, self._signals, ids, rules, limits, *config.new_sessions()),
            stops=StopService(database),
            dispatch=Dispatch(*shared, self._signals, rules, ids),
            reports=ReportService(*shared, ids, rules),
            events=EventService(*shared, rules, self._publish),
            bindings=BindingService(*shared, rules),
            runners=RunnerService(*shared, self._signals, ids, rules),
            sessions=SessionService(database, ids),
            external=ExternalService(database, ids, rules, limits),
            why=WhyService(database, rules),
            usage=UsageService(database),
            budgets=BudgetService(database, ids, limits),
            tokens=tokens,
            logins=LoginService(database, ids, config.login_rules(), tokens.authenticate),
            board=BoardService(database),
            callbacks=CallbackService(database, ids, limits),
            transcripts=TranscriptService(*shared, rules, config.transcript_bytes),
            approvals=ApprovalService(*shared, ids, rules),
            messages=MessageService(database, ids, limits),
            agents=AgentService(database),
            agent_files=AgentFileService(database),
            projects=ProjectService(*shared, ids),
            issues=IssueService(database),
            jobs=jobs,
            job_requests=JobRequestService(database, jobs, ids),
            lifecycle=LifecycleService(database, ids, limits, config.work_rules()),
            spawn=spawns,
            tasks=TaskService(database, ids, limits, spawns),
            milestones=MilestoneService(database, ids, limits, spawns),
        )

    def _looking_after(self, leases: LeaseService, config: Config) -> Loops:
        return Loops(
            [
                self._callbacks,
                self._messages,
                self._budgets,
                Loop("leases", leases.sweep_once, config.sweep_seconds),
                Loop("jobs", self.services.jobs.sweep_once, config.sweep_seconds),
                Loop("lifecycle", self.services.lifecycle.sweep_once, config.sweep_seconds),
                Loop("tasks", self.services.tasks.sweep_once, config.sweep_seconds),
                Loop("stops", self.services.stops.sweep_once, config.sweep_seconds),
                Loop("old_jobs", self.services.jobs.forget_once, PRUNE_SECONDS),
                Loop("prune", leases.prune_once, PRUNE_SECONDS),
                Loop("retention", self._retention.sweep_once, config.retention_sweep_seconds),
            ]
        )

    def _measure(self) -> None:
        dispatch = self.services.dispatch
        self.metrics.gauge("stream_readers", "Open streams.", lambda: len(self.stream))
        self.metrics.gauge("polls_held", "Polls of runners that are held.", lambda: dispatch.polls_held)
        self.metrics.gauge("requests_held", "Polls and waits that are held.", lambda: len(self.held))
        self.metrics.gauge("runs_claimable", "Runs that wait for a runner.", lambda: dispatch.claimable)
        retention = self._retention
        self.metrics.gauge("retention_batches", "Batches of old events forgotten.", lambda: retention.batches)
        self.metrics.gauge("retention_rows", "Old tokens and answers forgotten.", lambda: retention.rows)
        self.metrics.gauge(
            "retention_longest_hold_seconds", "Longest step of forgetting.", lambda: retention.longest_hold_seconds
        )
        for loop in self.loops.all:
            self.metrics.gauge(f"{loop.name}_loop_failures", "Failed rounds in a row.", loop.failures_in_a_row)

    def _on_hints(self, hints: list[Hint]) -> None:
        for hint in hints:
            if isinstance(hint, Appended | LookAgain):
                self.stream.wake()
            elif isinstance(hint, TokenRevoked):
                self.stream.token_ended(hint.token_id)
        if self.services.callbacks.is_due(hints):
            self._callbacks.nudge()
            self._messages.nudge()
        if self.services.budgets.is_due(hints):
            self._budgets.nudge()

    async def readiness(self) -> dict[str, str]:
        """What has to be well so that requests should be sent here."""
        try:
            await self._database.check()
            store = "ok"
        except Unavailable as error:
            store = error.detail
        draining = "the coordinator is being stopped" if self.held.draining else "ok"
        return {"store": store, "loops": self.loops.trouble(), "draining": draining}

    async def start(self) -> None:
        """Loads the queue and starts what runs by itself."""
        await self.services.dispatch.load()
        self.loops.start(self.stream.follow, self.stream.watch)

    def drain(self) -> None:
        """Lets held requests answer and streams end; takes no new ones of either."""
        self._retention.end()
        self.held.end_all()
        self.stream.end_all()

    async def stop(self, limit_seconds: float) -> None:
        """Ends what is mounted and the loops, then the database."""
        if self._mcp is not None:
            await self._mcp.close()
        await self.loops.stop(limit_seconds)
        await self._database.close()


def build(config: Config, database: Database, ids: Ids, mount: Mount | None = None) -> Coordinator:
    """A coordinator over an open database, on the running event loop; nothing runs before `start`."""
    return Coordinator(config, database, ids, mount)


def new_ids(clock: Clock) -> IdSource:
    """Ids from the database's clock and the machine's randomness."""
    return IdSource(clock.now_ms, secrets.randbits)


def lock_data_directory(config: Config) -> DataDirectory:
    """The data directory, ours alone until released. StoreRefused, Conflict `data_dir_in_use`."""
    try:
        return DataDirectory(config.directory)
    except DirectoryInUse as error:
        raise Conflict(error.detail, code="data_dir_in_use", hint=error.hint) from None


async def open_database(config: Config) -> Database:
    """The database of the configuration. StoreRefused, Unavailable."""
    if config.database_file is not None:
        return await open_sqlite(config.database_file)
    if config.uses_postgres:
        return await open_postgres(config.database)
    raise StoreRefused(
        f"There is no database for {config.database.partition('://')[0]}:// here.",
        hint="Leave --database out, or give sqlite:///PATH or postgresql://USER@HOST/NAME.",
    )


async def ensure_token_files(directory: DataDirectory, tokens: TokenService) -> None:
    """Writes the two token files that are missing (0600) or revoked, and makes the tokens in them known."""
    for name, ensure in ((OWNER_FILE, tokens.ensure_owner), (JOIN_FILE, tokens.ensure_join)):
        path = directory.path / name
        if not await ensure((read_private_file(path) or "").strip() or _new_secret_in(path)):
            log.warning("the token in this file was revoked; there is a new one in it", file=str(path))
            await ensure(_new_secret_in(path))


def _new_secret_in(path: Path) -> str:
    secret = new_secret()
    write_private_file(path, secret + "\n")
    return secret


def write_url(directory: DataDirectory, url: str) -> None:
    """Tells clients on this machine where we listen."""
    write_private_file(directory.path / URL_FILE, url + "\n")


def remove_url(directory: DataDirectory) -> None:
    """We do not listen any more; whoever takes the port next must not be sent our tokens."""
    (directory.path / URL_FILE).unlink(missing_ok=True)
