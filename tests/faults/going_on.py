"""People and readers who go on when what they talk to is gone: they connect and ask again, at whatever answers."""

import asyncio
import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from copy import copy
from typing import Final

from callboard.client import Client, Ready, RetryPolicy, StreamFilter
from callboard.client.stream import follow
from callboard.wire.responses import Event, RunCreated
from tests.support.coordinator import Coordinator
from tests.support.hand_runner import HandRunner
from tests.support.stream import StreamReader
from tests.support.world import World

BOUND_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 0.05


def seeded(source: random.Random) -> random.Random:
    """A source of its own for a part of a round, so that the others' draws do not depend on its pace."""
    return random.Random(source.random())  # noqa: S311 - chooses moments and sizes, guards nothing


@contextmanager
def at(runner: HandRunner, coordinator: Coordinator) -> Iterator[HandRunner]:
    """The runner as it speaks to this coordinator."""
    with coordinator.with_token(runner.token) as http:
        seen = copy(runner)
        seen.http = http
        yield seen


class LastingReader(StreamReader):
    """A reader of everything whose connections are made again, each with the id of the last frame, until it is closed.

    It keeps every frame, so that none that comes twice is hidden.
    """

    def __init__(self, world: World, coordinator: Coordinator) -> None:
        super().__init__(world._portal, coordinator.url, coordinator.token, {"after": "0.0.0"})
        self.connections = 0
        self._connection = world._portal.start_task_soon(self._read_for_ever)

    async def _read_for_ever(self) -> None:
        while True:
            self.connections += 1
            await self._read()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), AGAIN_SECONDS)


class Person:
    """Starts runs one after the other and waits for each; `done` are those that ended as they should."""

    def __init__(self, world: World, coordinator: Coordinator, name: str, source: random.Random) -> None:
        self.done: list[RunCreated] = []
        self._coordinator, self._name, self._source = coordinator, name, source
        self._enough = threading.Event()
        self._working: Future[None] = world.meanwhile(self._start_for_ever)

    def finish(self) -> None:
        """Starts no more; returns when the last one has ended."""
        self._enough.set()
        self._working.result(BOUND_SECONDS)

    def _start_for_ever(self) -> None:
        while not self._enough.is_set():
            wanted = f"{self._name} {len(self.done)}"
            pieces = self._source.randint(1, 40)
            made = self._coordinator.start_run(f"say begins\nstream {pieces} {pieces / 50}\nresult {wanted}")
            run = self._coordinator.ended(made.run_id, BOUND_SECONDS)
            assert (run.status, run.result_text) == ("completed", wanted), (run.status, run.reason, run.result_text)
            self.done.append(made)


def events_until_the_end(url: str, token: str, session_id: str) -> list[int]:
    """The numbers of a session's events, as our own client reads them from the beginning to the run's end."""
    seen: list[int] = []
    with Client(url, token, retry=RetryPolicy(attempts=50)) as client:
        for frame in follow(client, StreamFilter(session_id=session_id), after="0.0.0"):
            if isinstance(frame, Event):
                seen.append(frame.seq)
                if frame.type == "run_completed":
                    return seen
            else:
                assert isinstance(frame, Ready), frame
    raise AssertionError("the stream ended")
