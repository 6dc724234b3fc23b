"""Drives one attempt of an executor as a runner does, and keeps what it asked for, for tests to look at."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from callboard.domain.event import MESSAGE, POST_TOOL, PRE_TOOL
from callboard.domain.invocation import (
    Action,
    Approve,
    Bind,
    CloseInput,
    Decision,
    Delta,
    Emit,
    Finish,
    Input,
    Invocation,
    Outcome,
    Relaunch,
    Signal,
    Usage,
)
from callboard.domain.usage import UsageRow
from callboard.executors.base import Conversation, Executor, launch
from callboard.executors.journal import Record
from callboard.executors.process import KeeperLink, start_keeper
from callboard.keeper.processes import process, processes, tracked

BOUND_SECONDS = 50.0
A = TypeVar("A")


class Attempt:
    """One attempt: its launches, and every action and keyed event in order."""

    def __init__(self, executor: Executor, invocation: Invocation, directory: Path, **limits: float) -> None:
        self.executor = executor
        self.invocation = invocation
        self.directory = directory
        self.actions: list[Action] = []
        self.events: list[tuple[str, Emit]] = []
        self.records: list[Record] = []
        self.outcome: Outcome | None = None
        self.launches = 0
        self.conversation: Conversation = executor.conversation(invocation)
        self.decision: Decision | None = None
        self.limits = {"term_seconds": 3.0, "interrupt_seconds": 3.0, "drain_seconds": 1.0} | limits
        self._link: KeeperLink | None = None
        self._news = asyncio.Condition()
        self._task: asyncio.Task[Outcome] | None = None

    def begin(self) -> "Attempt":
        """Runs it in the background; attaches where a launch is there already."""
        self._task = asyncio.create_task(self._run())
        return self

    async def end(self) -> Outcome:
        """Waits for the end."""
        async with asyncio.timeout(BOUND_SECONDS):
            return await (self._task or asyncio.create_task(self._run()))

    async def until(self, kind: type[A], wanted: Callable[[A], object] = lambda _: True) -> A:
        """Waits for an action of a kind."""

        def found() -> A | None:
            return next((one for one in self.actions if isinstance(one, kind) and wanted(one)), None)

        async with asyncio.timeout(BOUND_SECONDS), self._news:
            await self._news.wait_for(lambda: found() is not None or (self._task and self._task.done()))
        action = found()
        assert action is not None, f"not seen before the end: {self.actions}"
        return action

    async def until_event(self, event_type: str, count: int = 1) -> dict[str, Any]:
        """Waits for the n-th event of a type and returns its payload."""
        async with asyncio.timeout(BOUND_SECONDS), self._news:
            await self._news.wait_for(
                lambda: len(self.payloads(event_type)) >= count or (self._task and self._task.done())
            )
        return self.payloads(event_type)[count - 1]

    async def until_count(self, count: int) -> None:
        """Waits until so many actions were asked for, or the end."""
        async with asyncio.timeout(BOUND_SECONDS), self._news:
            await self._news.wait_for(lambda: len(self.actions) >= count or (self._task and self._task.done()))

    async def stop(self) -> Outcome:
        """Stops it as a runner does: the executor's interrupt first, if it has one."""
        assert self._link
        actions = self.conversation.interrupt()
        await self._perform(actions)
        await self._link.stop(after_interrupt=bool(actions))
        return await self.end()

    async def say(self, text: str, key: str = "1") -> bool:
        """Says something to the live agent; False when it takes nothing any more."""
        actions = self.conversation.message(text, key)
        await self._perform(actions)
        return bool(actions)

    async def decide(self, request_id: str) -> bool:
        """Answers a permission request with the decision; False when it is not open."""
        assert self.decision
        actions = self.conversation.decide(request_id, self.decision)
        await self._perform(actions)
        return bool(actions)

    async def abandon(self) -> None:
        """What a kill -9 of the runner leaves: nobody reads any more."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._link:
            await self._link.close()

    # ------------------------------------------------------------------ what was seen

    def payloads(self, event_type: str) -> list[dict[str, Any]]:
        """The payloads of the events of a type."""
        return [event.payload for _, event in self.events if event.event_type == event_type]

    def texts(self, role: str) -> list[str]:
        """What a role has said."""
        blocks = [b for payload in self.payloads(MESSAGE) if payload["role"] == role for b in payload["content"]]
        return [block["text"] for block in blocks if block["type"] == "text"]

    @property
    def rows(self) -> list[UsageRow]:
        """The rows of usage."""
        return [row for one in self.actions if isinstance(one, Usage) for row in one.rows]

    def deltas(self) -> dict[str, str]:
        """The streamed text of each message; AssertionError when a piece does not continue it."""
        texts: dict[str, str] = {}
        for one in self.actions:
            if isinstance(one, Delta):
                assert one.offset == len(texts.get(one.message_key, ""))
                texts[one.message_key] = texts.get(one.message_key, "") + one.text
        return texts

    def assert_tools_are_paired(self) -> None:
        """Each call has one result, after it."""
        calls = [payload["tool_use_id"] for payload in self.payloads(PRE_TOOL)]
        results = [payload["tool_use_id"] for payload in self.payloads(POST_TOOL)]
        assert sorted(calls) == sorted(results)
        assert len(set(calls)) == len(calls)
        tool_events = [event for _, event in self.events if event.event_type in (PRE_TOOL, POST_TOOL)]
        order = [(event.payload["tool_use_id"], event.event_type) for event in tool_events]
        for use_id in calls:
            assert order.index((use_id, PRE_TOOL)) < order.index((use_id, POST_TOOL))

    def living(self) -> list[int]:
        """The pids of the attempt's processes that live."""
        return [one.pid for one in tracked([self.invocation.tracking], processes())]

    def agent_pid(self) -> int:
        """The pid of the agent itself."""
        pid = next(record.fact["pid"] for record in self.records if record.is_fact("started"))
        assert isinstance(pid, int)
        return pid

    # ------------------------------------------------------------------ the runner's part

    async def _run(self) -> Outcome:
        todo, invocation = launch(self.executor, self.invocation), self.invocation
        while True:
            self.launches += 1
            self.conversation = self.executor.conversation(invocation)
            directory = self.directory / f"launch-{self.launches}"
            if not directory.exists():
                await start_keeper(directory, todo, tracking=invocation.tracking, limits=self.limits)
            ended = await self._follow(KeeperLink(directory, self.launches, invocation.tracking))
            if isinstance(ended, Outcome):
                self.outcome = ended
                async with self._news:
                    self._news.notify_all()
                return ended
            todo, invocation = ended.launch, ended.invocation

    async def _follow(self, link: KeeperLink) -> Outcome | Relaunch:
        self._link = link
        await link.connect()
        try:
            await self._perform(self.conversation.begin())
            async for record in link.records():
                self.records.append(record)
                actions = self.conversation.record(record)
                emits = [one for one in actions if isinstance(one, Emit)]
                self.events += [(record.key(index), one) for index, one in enumerate(emits)]
                await self._perform(actions)
        finally:
            await link.close()
        return self.conversation.outcome()

    async def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            self.actions.append(action)
            await self._order(action)
        async with self._news:
            self._news.notify_all()

    async def _order(self, action: Action) -> None:
        link = self._link
        assert link
        match action:
            case Input():
                await link.send_input(action.text, action.input_id)
            case CloseInput():
                await link.close_input()
            case Finish():
                await link.finish(action.after_seconds)
            case Signal():
                await link.signal(action.name)
            case Approve() if self.decision:
                await self._perform(self.conversation.decide(action.request_id, self.decision))


def bound_id(attempt: Attempt) -> str:
    """The native id that the attempt reported; AssertionError when it reported several."""
    ids = {one.executor_session_id for one in attempt.actions if isinstance(one, Bind)}
    assert len(ids) == 1, ids
    return ids.pop()


async def heard(pipe: Path) -> str:
    """Waits for a line in a named pipe of the working directory; it stays open, so that the writer never fails."""
    loop, line = asyncio.get_running_loop(), asyncio.Event()
    handle = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    loop.add_reader(handle, line.set)
    try:
        await asyncio.wait_for(line.wait(), BOUND_SECONDS)
        return os.read(handle, 4096).decode().strip()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def lives(pid: int) -> bool:
    """Whether a process with this pid runs."""
    return process(pid) is not None
