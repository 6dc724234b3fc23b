"""Requests that are held until something happens: whether somebody still waits who may, and their end at a drain."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import structlog
from starlette.types import Receive, Scope

from callboard.domain.errors import CallboardError, Unauthenticated, Unavailable

T = TypeVar("T")
TRANSPORT = "callboard.transport"
"""The ASGI extension under which our server hands out the connection's transport."""
Check = Callable[[], Awaitable[object]]

log = structlog.get_logger("callboard.http")


class HeldRequests:
    """All held requests of this process."""

    def __init__(self, recheck_seconds: float) -> None:
        """Who is held for so long is asked for its right again, and again."""
        self.draining = False
        self._recheck_seconds = recheck_seconds
        self._gone: set[asyncio.Event] = set()

    def __len__(self) -> int:
        return len(self._gone)

    def end_all(self) -> None:
        """Lets every held request answer now with what it has, and no new one wait."""
        self.draining = True
        for gone in self._gone:
            gone.set()

    @asynccontextmanager
    async def watch(self, receive: Receive, check_token: Check) -> AsyncIterator[asyncio.Event]:
        """An event that is set as soon as the client leaves, its token ends or a drain begins.

        Unavailable during a drain; in the end Unauthenticated when `check_token` said so meanwhile.
        """
        if self.draining:
            raise Unavailable("The coordinator is being stopped.", hint="Try again shortly.")
        gone, right = asyncio.Event(), _Right(check_token, self._recheck_seconds)
        watcher = asyncio.create_task(_until_disconnect(receive, gone))
        # Most are answered before: a task of their own is made only for those who stay.
        timer = asyncio.get_running_loop().call_later(self._recheck_seconds, right.watch, gone)
        self._gone.add(gone)
        try:
            yield gone
        finally:
            self._gone.discard(gone)
            watcher.cancel()
            timer.cancel()
            right.close()
        if right.refused is not None and not self.draining:
            raise right.refused


class _Right:
    """Whether the token of a held request is valid still; `refused` says that it is not."""

    def __init__(self, check: Check, seconds: float) -> None:
        self.refused: Unauthenticated | None = None
        self._check = check
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def watch(self, gone: asyncio.Event) -> None:
        self._task = asyncio.create_task(self._until_refused(gone))

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _until_refused(self, gone: asyncio.Event) -> None:
        # Looked at before each round: whoever is gone is asked nothing more, also when the cancellation got lost.
        while not gone.is_set():
            try:
                await self._check()
            except Unauthenticated as error:
                self.refused = error
                gone.set()
            except CallboardError as error:
                log.warning("the token of a held request cannot be checked", code=error.code)
            await _set_within(gone, self._seconds)


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set, or the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


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
