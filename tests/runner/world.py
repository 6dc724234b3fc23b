"""A small world for tests: one coordinator, any number of runners, and a person who looks at them through the API."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from callboard.client import AsyncClient, Call, Ready, StreamFilter
from callboard.client.calls import events, runs, sessions
from callboard.client.stream import follow_async
from callboard.executors.process import end_strays, find_strays, keeper_process
from callboard.runner.waiting import is_set_within
from callboard.wire.requests import CreateRun
from callboard.wire.responses import Event, Run, RunCreated, Session
from tests.runner.programs import COORDINATOR, RUNNER, Program, read_token
from tests.runner.proxy import Meddle, Proxy

QUICK: Final[dict[str, Any]] = {
    "heartbeat_seconds": 0.5,
    "lease_seconds": 3,
    "lost_runner_seconds": 4,
    "unheard_seconds": 3,
    "grace_seconds": 3,
    "sweep_seconds": 0.2,
    "lost_run_seconds": 30,
    "stop_on_runner_seconds": 20,
    "default_executor": "scripted",
}
"""Times short enough for a test."""
LADDER: Final[dict[str, float]] = {
    "interrupt_seconds": 1.0,
    "term_seconds": 1.0,
    "drain_seconds": 1.0,
    "kill_seconds": 4.0,
    "orphan_seconds": 60.0,
}


class World:
    """Everything in one folder; `close` leaves no process behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "project"
        self.project.mkdir()
        self.url = ""
        self.coordinator: Program | None = None
        self.runners: list[Program] = []
        self._client: AsyncClient | None = None
        self._settings: dict[str, Any] = {}
        self._pipes: list[int] = []

    @property
    def client(self) -> AsyncClient:
        """Calls of a person."""
        if self._client is None:
            raise AssertionError("there is no coordinator yet")
        return self._client

    async def start_coordinator(self, **settings: Any) -> Program:
        """Start it, or start it again where it was."""
        self._settings = self._settings or QUICK | settings
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        config = {"data_dir": str(self.folder / "data"), "port": port} | self._settings
        self.coordinator = await Program.start(COORDINATOR, config)
        self.url = (await self.coordinator.line("listening on ")).removeprefix("listening on ")
        if self._client is None:
            self._client = AsyncClient(self.url, read_token(self.folder / "data" / "token"))
        return self.coordinator

    async def start_runner(
        self,
        *,
        state: str = "state",
        executors: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        joined: bool = False,
        keeper: dict[str, float] | None = None,
        url: str = "",
        **table: Any,
    ) -> Program:
        """Start a runner and wait until it is registered."""
        program = await self.spawn_runner(
            state=state, executors=executors, environment=environment, joined=joined, keeper=keeper, url=url, **table
        )
        await program.line("registered rnr_")
        return program

    async def spawn_runner(
        self,
        *,
        state: str = "state",
        executors: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        joined: bool = False,
        keeper: dict[str, float] | None = None,
        url: str = "",
        **table: Any,
    ) -> Program:
        """Start a runner."""
        given = {
            "runner": {"project_dir": str(self.project), "slots": 4, "keeper": LADDER | (keeper or {})} | table,
            "executors": executors or {},
            "url": url or self.url,
            "token_file": None if joined else str(self.folder / "data" / "runner-token"),
            "state_dir": str(self.folder / state),
        }
        program = await Program.start(RUNNER, given, environment)
        self.runners.append(program)
        return program

    @asynccontextmanager
    async def meddling(self, meddle: Meddle) -> AsyncIterator[str]:
        """The address of a way to the coordinator on which somebody meddles."""
        proxy = Proxy(self.url, meddle)
        await proxy.open()
        try:
            yield proxy.url
        finally:
            await proxy.close()

    async def start_run(self, prompt: str, *, session_id: str | None = None, **fields: Any) -> RunCreated:
        """Hand in work."""
        kind = "start_session" if session_id is None else "resume_session"
        wanted = {"type": kind, "prompt": prompt, "session_id": session_id} | fields
        return await self.client.send(runs.create(msgspec.convert(wanted, CreateRun)))

    async def ended(self, run_id: str, seconds: float = 30.0) -> Run:
        """The run, once it has ended."""
        run = await self.client.send(runs.wait(run_id, timeout_seconds=seconds))
        assert run.ended_at is not None, f"{run.status} after {seconds} s"
        return run

    async def run(self, run_id: str) -> Run:
        """The run as it is now."""
        return await self.client.send(runs.get(run_id))

    async def session(self, session_id: str) -> Session:
        """The session as it is now."""
        return await self.client.send(sessions.get(session_id))

    async def stop(self, session_id: str) -> None:
        """Have a session stopped."""
        await self.client.send(sessions.stop(session_id))

    async def events(self, session_id: str) -> list[Event]:
        """The whole log of a session."""
        found: list[Event] = []
        while True:
            page = await self.client.send(events.list_(session_id, after=found[-1].seq if found else None, limit=200))
            found += page.items
            if not page.next_page:
                return found

    async def event(self, session_id: str, wanted: Callable[[Event], bool], seconds: float = 30.0) -> Event:
        """The first event of a session that is wanted, whether it was there before or comes."""
        async with (
            asyncio.timeout(seconds),
            aclosing(follow_async(self.client, StreamFilter(session_id=session_id))) as frames,
        ):
            async for frame in frames:
                known = await self.events(session_id) if isinstance(frame, Ready) else [frame]
                for one in known:
                    if isinstance(one, Event) and wanted(one):
                        return one
        raise AssertionError("the stream ended")

    async def said(self, session_id: str, text: str, seconds: float = 30.0) -> Event:
        """The first message of the agent with this text."""
        return await self.event(session_id, lambda one: text in said_by_agent(one), seconds)

    async def of_type(self, session_id: str, event_type: str, seconds: float = 30.0) -> Event:
        """The first event of a type."""
        return await self.event(session_id, lambda one: one.type == event_type, seconds)

    async def send(self, call: Call[Any]) -> Any:
        """The answer to any call of a person."""
        return await self.client.send(call)

    async def gone(self, made: RunCreated, attempt: int = 1, seconds: float = 20.0) -> None:
        """Return when the attempt's keeper and all its other processes are gone."""
        keeper = self.keeper(made, attempt)
        pids = [*alive(made, attempt), *([keeper] if keeper else [])]
        _, left = await asyncio.to_thread(psutil.wait_procs, _processes(pids), seconds)
        assert left == []

    def keeper(self, made: RunCreated, attempt: int = 1) -> int | None:
        """The keeper of an attempt; None when there is none."""
        for folder in self.folder.glob(f"*/runners/*/attempts/{made.run_id}.{attempt}/launch-*"):
            found = keeper_process(folder)
            if found:
                return found.pid
        return None

    def kill_keeper(self, made: RunCreated) -> None:
        """End a keeper as the kernel does when memory is short."""
        keeper = self.keeper(made)
        assert keeper is not None
        os.kill(keeper, signal.SIGKILL)

    async def passes(self, seconds: float) -> None:
        """Let time pass: what is tested is that nothing happens in it."""
        await is_set_within(asyncio.Event(), seconds)

    def pipe(self, name: str) -> None:
        """A pipe in the project, which an agent waits at."""
        os.mkfifo(self.project / name)

    def write_pipe(self, name: str) -> None:
        """Let the agent go on."""
        handle = os.open(self.project / name, os.O_RDWR)
        os.write(handle, b"go\n")
        self._pipes.append(handle)

    def copy_state(self, state: str, other: str) -> None:
        """As a backup that is restored elsewhere; the attempts stay where they are."""
        ignored = shutil.ignore_patterns("attempts", "lock")
        shutil.copytree(self.folder / state, self.folder / other, ignore=ignored)

    async def left_on_disk(self, runner: Program, state: str = "state") -> list[str]:
        """Ends a runner; what it still holds then."""
        await runner.end()
        return sorted(one.name for one in (self.folder / state).glob("runners/*/attempts/*"))

    async def close(self) -> None:
        """End everything that was started here."""
        for program in [*self.runners, *filter(None, [self.coordinator])]:
            await program.kill()
        for handle in self._pipes:
            os.close(handle)
        if self._client:
            await self._client.close()
        left = {one.name for one in self.folder.glob("*/runners/*/attempts/run_*")}
        if left:
            await asyncio.to_thread(end_strays, left)


def _processes(pids: list[int]) -> list[psutil.Process]:
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def said_by_agent(event: Event) -> str:
    """The text of an assistant's message; empty for other events."""
    payload = payload_of(event)
    if event.type != "message" or payload["role"] != "assistant":
        return ""
    return "".join(block.get("text", "") for block in payload["content"])


def payload_of(event: Event) -> Any:
    """An event's payload as a value."""
    return msgspec.json.decode(event.payload)


def types_of(found: list[Event]) -> list[str]:
    """The types of events, in order."""
    return [one.type for one in found]


def alive(run: RunCreated, attempt: int = 1) -> list[int]:
    """The processes of an attempt that live on this host."""
    return [one.pid for one in find_strays([f"{run.run_id}.{attempt}"])]
