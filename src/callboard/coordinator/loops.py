"""What the coordinator does again and again by itself; a sweep that fails is tried again. Knows no service."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import structlog

log = structlog.get_logger(__name__)

LATE_INTERVALS = 10
"""A loop that has not come round for this many of its intervals, and a minute, is not well."""
LATE_SECONDS = 60.0


class LoopStatus(msgspec.Struct, kw_only=True):
    """How a loop is doing; times are on the event loop's clock, in seconds."""

    rounds: int = 0
    failures_in_a_row: int = 0
    last_done: float | None = None
    last_error: str = ""


class Loop:
    """Calls one sweep on an interval, or sooner when it is nudged; more than one never runs at a time."""

    def __init__(self, name: str, sweep: Callable[[], Awaitable[Any]], interval_seconds: float) -> None:
        self.name = name
        self.status = LoopStatus()
        self._sweep = sweep
        self._interval_seconds = interval_seconds
        self._nudged = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweeps until `stopping` is set."""
        while not stopping.is_set():
            self._nudged.clear()
            await self.once()
            try:
                await asyncio.wait_for(self._nudged.wait(), self._interval_seconds)
            except TimeoutError:
                continue

    def nudge(self) -> None:
        """Lets the next round begin at once, or right after the one that is under way."""
        self._nudged.set()

    async def once(self) -> None:
        """One round, whatever comes of it."""
        status = self.status
        try:
            await self._sweep()
        except Exception as error:  # noqa: BLE001 - the top of a loop: the next round may go well
            status.failures_in_a_row += 1
            status.last_error = repr(error)
            log.warning("sweep_failed", loop=self.name, times=status.failures_in_a_row, error=repr(error))
        else:
            status.failures_in_a_row = 0
            status.rounds += 1
        status.last_done = asyncio.get_running_loop().time()

    def failures_in_a_row(self) -> int:
        """How many rounds have failed since the last that went well."""
        return self.status.failures_in_a_row

    def trouble(self) -> str:
        """`ok`, or what is wrong with the loop."""
        now = asyncio.get_running_loop().time()
        late = max(LATE_SECONDS, LATE_INTERVALS * self._interval_seconds)
        if self.status.last_done is not None and now - self.status.last_done > late:
            return f"not done for {now - self.status.last_done:.0f} s"
        return "ok"


class Loops:
    """All loops of this process."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self.all = tuple(loops)
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *others: Callable[[], Awaitable[None]]) -> None:
        """Starts every loop, and `others`, which end by themselves when they are told to."""
        self._tasks = [asyncio.create_task(loop.run(self._stopping), name=loop.name) for loop in self.all]
        self._tasks += [asyncio.create_task(_logged(other)) for other in others]

    def trouble(self) -> str:
        """`ok`, or the first loop that is not well."""
        return next((f"{loop.name} {loop.trouble()}" for loop in self.all if loop.trouble() != "ok"), "ok")

    async def stop(self, limit_seconds: float) -> None:
        """Ends all loops between rounds; a round that takes too long is cut off."""
        self._stopping.set()
        for loop in self.all:
            loop.nudge()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=limit_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def _logged(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:
        log.exception("loop_ended")
        raise
