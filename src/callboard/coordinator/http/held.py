"""Requests that are held open until something happens: whether somebody still waits, and their end at a drain."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

from starlette.types import Receive, Scope

from callboard.domain.errors import Unavailable

T = TypeVar("T")
TRANSPORT = "callboard.transport"
"""The ASGI extension under which our server hands out the connection's transport."""


class HeldRequests:
    """All held requests of this process."""

    def __init__(self) -> None:
        self.draining = False
        self._gone: set[asyncio.Event] = set()

    def __len__(self) -> int:
        return len(self._gone)

    def end_all(self) -> None:
        """Lets every held request answer now with what it has, and no new one wait."""
        self.draining = True
        for gone in self._gone:
            gone.set()

    @asynccontextmanager
    async def watch(self, receive: Receive) -> AsyncIterator[asyncio.Event]:
        """An event that is set as soon as the client leaves or a drain begins; Unavailable during a drain."""
        if self.draining:
            raise Unavailable("The coordinator is being stopped.", hint="Try again shortly.")
        gone = asyncio.Event()
        watcher = asyncio.create_task(_until_disconnect(receive, gone))
        self._gone.add(gone)
        try:
            yield gone
        finally:
            self._gone.discard(gone)
            watcher.cancel()


async def _until_disconnect(receive: Receive, gone: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def unless_gone(gone: asyncio.Event, work: Awaitable[T]) -> T | None:
    """The work's result; None, with the work cancelled, when `gone` is set before."""
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(gone.wait())
    try:
        await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        leaving.cancel()
        task.cancel()


def transport_of(scope: Scope) -> asyncio.WriteTransport | None:
    """The connection's transport, where our own server gives it."""
    transport: asyncio.WriteTransport | None = scope.get("extensions", {}).get(TRANSPORT, {}).get("transport")
    return transport


def is_closing(scope: Scope) -> bool:
    """Whether the connection is known to be closed, so that what was written last did not arrive."""
    transport = transport_of(scope)
    return transport is not None and transport.is_closing()
