"""A whole coordinator without HTTP: real SQLite, real services, a clock that a test sets, and runners it plays itself.

Knows no processes: what an agent does is said by the test.
"""

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from callboard.coordinator.services.agent_files import AgentFileService
from callboard.coordinator.services.agents import AgentService
from callboard.coordinator.services.bindings import BindingService
from callboard.coordinator.services.budgets import BudgetService
from callboard.coordinator.services.callbacks import CallbackService
from callboard.coordinator.services.dispatch import Dispatch
from callboard.coordinator.services.fleet import Fleet
from callboard.coordinator.services.journal import EventService
from callboard.coordinator.services.leases import LeaseService
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.messages import MessageService
from callboard.coordinator.services.reports import ReportService
from callboard.coordinator.services.runners import RunnerService
from callboard.coordinator.services.runs import RunService
from callboard.coordinator.services.signals import Signals
from callboard.coordinator.services.stops import StopService
from callboard.domain import ids
from callboard.domain.caller import Caller
from callboard.domain.runner import LeaseRules
from callboard.store.database import Database
from callboard.wire.requests import CreateRun
from callboard.wire.responses import Event, Run, RunCreated
from callboard.wire.runner import (
    AttemptRef,
    Bind,
    Claim,
    Ended,
    EndedAnswer,
    EventsStored,
    Heartbeat,
    HeartbeatAnswer,
    NotLaunched,
    PostedEvent,
    PostEvents,
    Register,
    Started,
    StartedAnswer,
)
from tests.store.harness import make

OWNER = Caller(token_id="tok_owner", kind="owner")
START_MS = 1_790_000_000_000


class SetClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.ms = START_MS
        self.ahead_ms = 0

    def now_ms(self) -> int:
        """The set time."""
        return self.ms

    def wall_ahead_ms(self) -> int:
        """How far the wall clock was set away."""
        return self.ahead_ms

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self.ms += int(seconds * 1000)


@dataclass
class PlayedRunner:
    """A runner played by the test."""

    world: "World"
    runner_id: str
    caller: Caller
    epoch: int
    hostname: str
    counts: dict[tuple[str, int], int] = field(default_factory=dict)

    async def claim(self, slots: int = 1, wait_seconds: float = 0.0) -> list[Claim]:
        """Runs that it gets now."""
        answer = await self.world.dispatch.poll(
            self.caller, self.runner_id, self.epoch, wait_seconds, slots, asyncio.Event()
        )
        return answer.runs if answer else []

    async def started(self, claim: Claim, *, takes_messages: bool = False) -> StartedAnswer:
        """Asks for the permission to launch."""
        token = hashlib.sha256(f"{claim.run_id}.{claim.attempt}".encode()).hexdigest()
        report = Started(
            runner_id=self.runner_id,
            epoch=self.epoch,
            attempt=claim.attempt,
            session_token_sha256=token,
            takes_messages=takes_messages,
        )
        return await self.world.reports.started(self.caller, claim.run_id, report)

    async def post(self, claim: Claim, *events: tuple[str, dict[str, Any]], first: int | None = None) -> EventsStored:
        """Posts events whose keys go on from the last ones, or begin at `first`."""
        key = (claim.run_id, claim.attempt)
        begin = self.counts.get(key, 0) if first is None else first
        posted = [
            PostedEvent(client_key=f"1.{begin + index:012d}.00", type=kind, payload=msgspec.Raw(json.dumps(payload)))
            for index, (kind, payload) in enumerate(events)
        ]
        self.counts[key] = max(self.counts.get(key, 0), begin + len(events))
        body = PostEvents(
            events=posted, run_id=claim.run_id, attempt=claim.attempt, runner_id=self.runner_id, epoch=self.epoch
        )
        return await self.world.events.post(self.caller, claim.session_id, body)

    async def say(self, claim: Claim, text: str) -> EventsStored:
        """One assistant message."""
        content = [{"type": "text", "text": text}]
        return await self.post(claim, ("message", {"role": "assistant", "content": content}))

    async def bind(self, claim: Claim, native_id: str, **changes: Any) -> Any:
        """Reports the conversation."""
        values: dict[str, Any] = {
            "executor_session_id": native_id,
            "executor_type": claim.executor_type,
            "hostname": self.hostname,
            "project_dir": claim.project_dir,
            "run_id": claim.run_id,
            "attempt": claim.attempt,
        }
        bind = Bind(**(values | changes))
        return await self.world.bindings.bind(self.caller, claim.session_id, bind)

    async def end(self, claim: Claim, kind: str = "completed", **more: Any) -> EndedAnswer:
        """Reports the end."""
        values: dict[str, Any] = {
            "runner_id": self.runner_id,
            "epoch": self.epoch,
            "attempt": claim.attempt,
            "event_count": self.counts.get((claim.run_id, claim.attempt), 0),
        }
        report = Ended(**(values | more))
        return await self.world.reports.ended(self.caller, claim.run_id, report, kind)

    async def give_back(self, claim: Claim, message: str = "I was restarted.") -> EndedAnswer:
        """Reports that nothing was launched, and that somebody may."""
        report = NotLaunched(
            runner_id=self.runner_id, epoch=self.epoch, attempt=claim.attempt, message=message, retry=True
        )
        return await self.world.reports.not_launched(self.caller, claim.run_id, report)

    async def beat(self, *claims: Claim, facts: dict[str, Any] | None = None) -> HeartbeatAnswer:
        """A heartbeat that lists these attempts."""
        held = [AttemptRef(run_id=claim.run_id, attempt=claim.attempt) for claim in claims]
        beat = Heartbeat(runner_id=self.runner_id, epoch=self.epoch, attempts=held, facts=facts or {})
        return await self.world.runners.heartbeat(self.caller, beat)

    async def work(self, claim: Claim, text: str = "done") -> EndedAnswer:
        """A whole good run."""
        await self.started(claim)
        await self.say(claim, text)
        return await self.end(claim, result_text=text)


class World:
    """The services over one database."""

    def __init__(
        self, database: Database, clock: SetClock, rules: LeaseRules, limits: TreeLimits | None = None, seed: int = 1
    ) -> None:
        source = random.Random(seed)  # noqa: S311 - ids of a test guard nothing
        self.database = database
        self.clock = clock
        self.rules = rules
        self.ids = ids.IdSource(clock.now_ms, source.getrandbits)
        self.signals = Signals()
        self.fleet = Fleet(database, rules)
        self.dispatch = Dispatch(database, self.fleet, self.signals, rules, self.ids)
        self.deltas: list[Any] = []
        self.runs = RunService(database, self.fleet, self.signals, self.ids, rules, limits or TreeLimits(), "scripted")
        self.stops = StopService(database)
        self.reports = ReportService(database, self.fleet, self.ids, rules)
        self.events = EventService(database, self.fleet, rules, lambda *delta: self.deltas.append(delta))
        self.bindings = BindingService(database, self.fleet, rules)
        self.runners = RunnerService(database, self.fleet, self.signals, self.ids, rules)
        self.leases = LeaseService(database, rules)
        self.agents = AgentService(database)
        self.agent_files = AgentFileService(database)
        self.messages = MessageService(database, self.ids, limits or TreeLimits())
        self.budgets = BudgetService(database, self.ids, limits or TreeLimits())
        self.callbacks = CallbackService(database, self.ids, limits or TreeLimits())
        for listener in (self.fleet.on_hints, self.signals.on_hints, self.dispatch.on_hints):
            database.subscribe(listener)

    async def settle(self) -> None:
        """Ends the grace of the start, as time would."""
        await self.leases.sweep_once()
        await self.pass_time(self.rules.grace_ms / 1000 + 1)

    async def pass_time(self, seconds: float, *beats: tuple[PlayedRunner, list[Claim]]) -> None:
        """Lets time pass in small steps, with sweeps, and heartbeats of those runners that live."""
        left = seconds
        while left > 0:
            step = min(left, 5.0)
            self.clock.advance(step)
            left -= step
            for runner, claims in beats:
                await runner.beat(*claims)
            await self.leases.sweep_once()

    async def runner(self, hostname: str = "one", **more: Any) -> PlayedRunner:
        """A registered runner."""
        secret = hashlib.sha256(f"secret of {hostname}".encode()).hexdigest()
        values: dict[str, Any] = {
            "hostname": hostname,
            "project_dir": "/srv",
            "credential_sha256": secret,
            "launch_token": "first-process",
            "executor_types": ["scripted", "command"],
            "slots": 4,
        }
        join = Caller(token_id="tok_join", kind="runner_join")
        registered = await self.runners.register(join, Register(**(values | more)))
        caller = Caller(token_id=f"tok_{hostname}", kind="runner", runner_id=registered.runner_id)
        return PlayedRunner(self, registered.runner_id, caller, registered.epoch, hostname)

    async def start(self, prompt: str | None = "say hello", caller: Caller = OWNER, **more: Any) -> RunCreated:
        """A new session."""
        request = CreateRun(type="start_session", prompt=prompt, **more)
        return await self.runs.create(caller, request, None, None, None)

    async def resume(
        self, session_id: str, prompt: str = "say more", caller: Caller = OWNER, **more: Any
    ) -> RunCreated:
        """A later run."""
        request = CreateRun(type="resume_session", session_id=session_id, prompt=prompt, **more)
        return await self.runs.create(caller, request, None, None, None)

    async def run(self, run_id: str) -> Run:
        """A run as a person sees it."""
        return await self.runs.get(OWNER, run_id)

    async def log(self, session_id: str) -> list[Event]:
        """All events of a session."""
        return (await self.events.list(OWNER, session_id, 0, None, 200)).items

    async def types(self, session_id: str) -> list[str]:
        """The types of all events of a session."""
        return [event.type for event in await self.log(session_id)]

    async def status(self, session_id: str) -> str:
        """The status of a session."""
        row = await self.database.read(lambda tx: tx.one("session_by_id", session_id=session_id))
        return str(row["status"]) if row else "missing"

    async def count(self, query: str, **parameters: Any) -> int:
        """How many rows a query has."""
        return len(await self.database.read(lambda tx: tx.all(query, **parameters)))


@asynccontextmanager
async def open_world(directory: Path, kind: str = "sqlite", **rules: Any) -> AsyncIterator[World]:
    """A world in a new database of a kind."""
    clock = SetClock()
    database = await make(kind, directory).open(clock=clock)
    try:
        world = World(database, clock, LeaseRules(**rules))
        await world.settle()
        yield world
    finally:
        await database.close()


async def first_claim(world: World, prompt: str = "say hello", **more: Any) -> tuple[PlayedRunner, Claim]:
    """A runner with a started first run."""
    runner = await world.runner()
    await world.start(prompt, **more)
    (claim,) = await runner.claim()
    await runner.started(claim)
    return runner, claim
