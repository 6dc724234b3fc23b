"""A check: a program that judges what an agent did, by its exit code; and what became of one. Knows no process."""

from typing import Final

import msgspec

MAX_CHECKS: Final = 20
TAIL_BYTES: Final = 8_000
TIMEOUT_SECONDS: Final = 600.0


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A check that is asked for: by the name that a file on the runner's machine gives it, or in full by the owner."""

    name: str
    argv: list[str] | None = None
    """None: as a file on the runner's machine says."""
    timeout_seconds: float | None = None


class CheckOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a check; `tail` is the last of its output, at most TAIL_BYTES."""

    name: str
    exit_code: int | None
    tail: str
    duration_ms: int
    signal: str | None = None
    """What ended it, where a signal did."""
    timed_out: bool = False

    @property
    def passed(self) -> bool:
        """Whether it found nothing wrong."""
        return self.exit_code == 0 and not self.timed_out

    @property
    def sentence(self) -> str:
        """How it ended, in words."""
        if self.timed_out:
            return f"{self.name} took longer than its limit."
        if self.signal:
            return f"{self.name} was ended by {self.signal}."
        return f"{self.name} exited with code {self.exit_code}."
