"""Hands work from the event loop to database threads and the answers back, bounded in number and in time.

Knows no database: a thread takes calls from a lane and gives back what came of them.
"""

import asyncio
import queue
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog

from callboard.domain.errors import DISK_FULL, Unavailable
from callboard.store.database import Listener, T, Transaction, Work
from callboard.store.hints import Hint

MAX_WAITING: Final = 20_000
ROOM_KEY: Final = "room"
ROOM_BYTES: Final = 65_536

log = structlog.get_logger(__name__)


class Interruptible(Protocol):
    """A connection whose running statement can be ended from another thread."""

    def interrupt(self) -> None: ...


class Call:
    """One piece of work that waits for a thread. `work` is None for a call that only asks whether anybody is there."""

    __slots__ = ("connection", "error", "future", "result", "work")

    def __init__(self, work: Callable[[Transaction], Any] | None, future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.connection: Interruptible | None = None
        """Where the work is being done; set by the thread while it lasts."""
        self.result: Any = None
        self.error: BaseException | None = None

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.future.done()


class Lane:
    """Calls that wait for one thread, or for a few that share the lane. Made and filled on the event loop."""

    def __init__(self, timeout_seconds: float) -> None:
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._timeout_seconds = timeout_seconds
        self._listeners: list[Listener] = []
        self._closed = False
        self._no_room = False

    async def call(self, work: Work[T] | None, timeout_seconds: float | None = None) -> T:
        """What the work came to; Unavailable when there is no answer in time, or too many wait already."""
        if self._closed:
            raise Unavailable("The database is being closed.")
        if self._calls.qsize() >= MAX_WAITING:
            raise Unavailable(f"{MAX_WAITING} calls wait for the database already; try again shortly.")
        future: asyncio.Future[T] = self._loop.create_future()
        call = Call(work, future)
        timer = self._loop.call_later(timeout_seconds or self._timeout_seconds, self._give_up, call)
        self._calls.put(call)
        try:
            return await future
        finally:
            timer.cancel()

    async def check_room(self, timeout_seconds: float) -> None:
        """After a write had no room: whether there is some now, by taking and returning a little. Unavailable."""
        if self._no_room:
            await self.call(lambda tx: _keep_room(tx, ROOM_BYTES), timeout_seconds)
            await self.call(lambda tx: _keep_room(tx, 0), timeout_seconds)
            self._no_room = False

    def subscribe(self, listener: Listener) -> None:
        """Calls the listener with all hints of later answers."""
        self._listeners.append(listener)

    def close(self, threads: int) -> None:
        """Takes no more calls, and ends the threads after what waits."""
        if not self._closed:
            self._closed = True
            for _ in range(threads):
                self._calls.put(None)

    def take(self) -> Call | None:
        """For threads: the next call, or None when the lane is closed; waits."""
        return self._calls.get()

    def take_waiting(self) -> Call | None:
        """For threads: the next call if one waits, else None."""
        try:
            call = self._calls.get_nowait()
        except queue.Empty:
            return None
        if call is None:
            self._calls.put(None)
        return call

    def is_empty(self) -> bool:
        """Whether no call waits."""
        return self._calls.empty()

    def answer(self, calls: list[Call], hints: list[Hint]) -> None:
        """For threads: gives answers to who waits for them, and the hints to the listeners first."""
        try:
            self._loop.call_soon_threadsafe(self._deliver, calls, hints)
        except RuntimeError:
            log.warning("the event loop ended before the database answered", calls=len(calls))

    def _deliver(self, calls: list[Call], hints: list[Hint]) -> None:
        if hints:
            for listener in self._listeners:
                self._loop.call_soon(listener, hints)
        for call in calls:
            self._no_room |= isinstance(call.error, Unavailable) and call.error.code == DISK_FULL
            if call.future.done():
                continue
            if call.error is None:
                call.future.set_result(call.result)
            else:
                call.future.set_exception(call.error)

    def _give_up(self, call: Call) -> None:
        if call.future.done():
            return
        call.future.set_exception(
            Unavailable(
                "The database did not answer in time; what became of this call is not known.", code="store_timeout"
            )
        )
        connection = call.connection
        log.error("the database does not answer", running=connection is not None)
        if connection is not None:
            connection.interrupt()


def _keep_room(tx: Transaction, size_bytes: int) -> None:
    tx.run("set_meta_value", key=ROOM_KEY, value=" " * size_bytes)
