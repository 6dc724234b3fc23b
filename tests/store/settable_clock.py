"""A clock that stands still until a test moves it."""


class SettableClock:
    """Time and wall clock under a test's control."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.time_ms = now_ms
        self.ahead_ms = 0

    def now_ms(self) -> int:
        """Return the time that was set."""
        return self.time_ms

    def wall_ahead_ms(self) -> int:
        """Return how far the wall clock was set ahead."""
        return self.ahead_ms

    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        self.time_ms += milliseconds
