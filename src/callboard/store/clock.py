"""Time as leases need it: wall time at the start plus monotonic time since, which never jumps. Waits for nothing."""

import time
from typing import Protocol

JUMP_MS = 5_000


class Clock(Protocol):
    """The time of the database as this process sees it."""

    def now_ms(self) -> int:
        """Unix milliseconds; never goes back and never jumps."""

    def wall_ahead_ms(self) -> int:
        """How far the machine's wall clock is ahead of now_ms; a change of it is a jump, or a sleep."""


class SqliteClock:
    """The clock of a database that lives in this process."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ms(self) -> int:
        """Wall time when this clock was made, plus monotonic time since; Unix milliseconds."""
        return (self._offset_ns + time.monotonic_ns()) // 1_000_000

    def wall_ahead_ms(self) -> int:
        """How far the wall clock has moved away from this one since it was made, in milliseconds."""
        return time.time_ns() // 1_000_000 - self.now_ms()


class PostgresClock:
    """The clock of a server, as this process last saw it; safe for threads."""

    def __init__(self) -> None:
        self._offset_ms = 0.0
        self._told_ms = 0

    def observe(self, server_ms: int) -> int:
        """The server said this time just now, in Unix milliseconds; returns it."""
        self._offset_ms = server_ms - time.monotonic() * 1000
        return server_ms

    def now_ms(self) -> int:
        """The server's time when it was seen last, plus monotonic time since; Unix milliseconds.

        Goes back only when the server's clock was set back by more than a statement takes.
        """
        now_ms = int(self._offset_ms + time.monotonic() * 1000)
        if now_ms < self._told_ms < now_ms + JUMP_MS:
            return self._told_ms
        self._told_ms = now_ms
        return now_ms

    def wall_ahead_ms(self) -> int:
        """How far this machine's wall clock is ahead of the server's; a change is a jump of either, or a sleep."""
        return time.time_ns() // 1_000_000 - self.now_ms()


class JumpDetector:
    """Notices when wall and monotonic clock part: somebody set the clock, or the machine slept."""

    def __init__(self, clock: Clock, limit_ms: int = JUMP_MS) -> None:
        self._clock = clock
        self._limit_ms = limit_ms
        self._seen_ms = clock.wall_ahead_ms()

    def jumped(self) -> bool:
        """Whether the clocks have parted by more than the limit since the last call; slow drift does not add up."""
        before, self._seen_ms = self._seen_ms, self._clock.wall_ahead_ms()
        return abs(self._seen_ms - before) > self._limit_ms
