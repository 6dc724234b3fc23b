"""Time for the client: how much has passed, and bounded pauses. The one place here that reads the machine's clock."""

import asyncio
import random
import time
from typing import Final

_SOURCE: Final = random.SystemRandom()


def monotonic_seconds() -> float:
    """Seconds that only go forward."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Wait in this thread."""
    time.sleep(seconds)


async def pause_async(seconds: float) -> None:
    """Wait in this task."""
    await asyncio.sleep(seconds)


def jitter() -> float:
    """A random number from 0 to 1, so that clients do not come back in step."""
    return _SOURCE.random()


def wall_ms() -> int:
    """This machine's idea of the time, in Unix milliseconds; only to show ages, never to decide."""
    return time.time_ns() // 1_000_000
