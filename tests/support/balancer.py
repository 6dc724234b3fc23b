"""A load balancer as it stands before several coordinators: leads each new connection to one that listens.

Knows no HTTP. A connection ends on both sides when it ends on one.
"""

import asyncio
import itertools
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from typing import Any, Final

import httpx2
from anyio.from_thread import start_blocking_portal

from callboard.client import Client, RetryPolicy
from tests.support.coordinator import Coordinator

CHUNK_BYTES: Final = 65_536
ATTEMPTS: Final = 20


class Balancer:
    """`taken` says how many connections each coordinator was given."""

    def __init__(self, coordinators: Sequence[Coordinator]) -> None:
        self.url = ""
        self.taken = dict.fromkeys((one.url for one in coordinators), 0)
        self._turns = itertools.cycle(list(self.taken))
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> asyncio.Server:
        """Begin to listen."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def close(self, server: asyncio.Server) -> None:
        """End everything."""
        server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._connections.add(task)
        try:
            far_reader, far_writer = await self._connected()
            try:
                await _either(_pass(reader, far_writer), _pass(far_reader, writer))
            finally:
                far_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the next one in turn that takes it. ConnectionRefusedError when none does."""
        for url in itertools.islice(self._turns, len(self.taken)):
            with suppress(ConnectionRefusedError):
                made = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
                self.taken[url] += 1
                return made
        raise ConnectionRefusedError


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()


async def _either(*ways: Coroutine[Any, Any, None]) -> None:
    """Until one of both directions is over."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


@contextmanager
def balancer(*coordinators: Coordinator) -> Iterator[Balancer]:
    """A load balancer before these coordinators."""
    with start_blocking_portal("asyncio") as portal:
        made = Balancer(coordinators)
        server = portal.call(made.open)
        try:
            yield made
        finally:
            portal.call(made.close, server)


@contextmanager
def reached_at(coordinator: Coordinator, url: str) -> Iterator[Coordinator]:
    """The coordinator as whoever has its tokens reaches it, or another one in its place, at this address."""
    seen = copy(coordinator)
    seen.url = url
    with (
        Client(url, seen.token, retry=RetryPolicy(attempts=ATTEMPTS)) as seen.client,
        httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {seen.token}"}, timeout=30, trust_env=False
        ) as seen.http,
    ):
        yield seen
