"""The checks that follow on an agent's end: which one runs, the last of what it said, and how it ended.

Starts and ends no process: the loop does, as it does with the agent.
"""

import time
from typing import Any, Final

TAIL_BYTES: Final = 8_000
CANNOT_START: Final = 127
"""The exit code of a check whose program could not be started, as a shell gives it."""


class Checks:
    """The checks of one launch, in order. Each order holds name, argv, env, cwd and timeout_seconds."""

    def __init__(self, orders: list[dict[str, Any]]) -> None:
        self._waiting = list(orders)
        self.awaited = bool(orders)
        """Whether the runner still has to say if they are to run."""
        self.current: dict[str, Any] | None = None
        """The one that runs."""
        self._tail = b""
        self._since = 0.0
        self._timed_out = False

    @property
    def left(self) -> bool:
        """Whether there is another one to run."""
        return bool(self._waiting)

    def decide(self, *, run: bool) -> None:
        """The runner's word: they run, or never will."""
        self.awaited = False
        if not run:
            self._waiting.clear()

    def begin_next(self) -> dict[str, Any]:
        """The next one, which begins now."""
        self.current = self._waiting.pop(0)
        self._tail, self._timed_out = b"", False
        self._since = time.monotonic()
        return self.current

    def hear(self, data: bytes) -> None:
        """Keeps the last of what it says."""
        self._tail = (self._tail + data)[-TAIL_BYTES:]

    def overdue(self) -> None:
        """It took longer than its limit; whatever it exits with, it has not passed."""
        self._timed_out = True

    def ended(self, exit_facts: dict[str, Any]) -> dict[str, Any]:
        """What became of it; another one may begin."""
        name = self.current["name"] if self.current else ""
        self.current = None
        return {
            "name": name,
            "exit_code": exit_facts["code"],
            "signal": exit_facts["signal"],
            "timed_out": self._timed_out,
            "tail": _text(self._tail),
            "duration_ms": round((time.monotonic() - self._since) * 1000),
        }


def _text(data: bytes) -> str:
    """The bytes as text of at most as many bytes, without the half of a character that was cut off at its begin."""
    text = data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode()[-TAIL_BYTES:].decode("utf-8", "ignore")
