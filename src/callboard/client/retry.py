"""When a call is sent again, and after which pause: a pure decision."""

from dataclasses import dataclass
from typing import Final

from callboard.domain.errors import CallboardError, Conflict, Unavailable


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Full jitter on a doubling pause; `attempts` counts the first try too, so 1 means no retry."""

    attempts: int = 4
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 2.0

    def pause_seconds(self, failures: int, jitter: float, retry_after_seconds: float | None = None) -> float:
        """The pause after this many failures (from 1); `jitter` is from 0 to 1; a server's wish is a lower bound."""
        ceiling = min(self.longest_pause_seconds, self.first_pause_seconds * 2.0 ** min(failures - 1, 30))
        wished = min(retry_after_seconds or 0.0, self.longest_pause_seconds)
        return max(wished, ceiling * (0.5 + jitter / 2))


NO_RETRIES: Final = RetryPolicy(attempts=1)


def is_passing(error: CallboardError) -> bool:
    """Whether the same call may succeed a moment later."""
    if isinstance(error, Conflict):
        return error.code == "idempotency_in_flight"
    return isinstance(error, Unavailable)
