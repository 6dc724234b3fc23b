"""Time as the runner takes it; the one place here that reads the machine's clock. Decides nothing."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for stamps, monotonic time for waits."""

    def now_ms(self) -> int:
        """Unix milliseconds of the wall clock."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward; the time that the machine sleeps is not counted."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
