"""A runner as the coordinator sees it: its state from what was last heard, and the numbers of the lease."""

from typing import Final, Literal

import msgspec

RunnerState = Literal["online", "lost", "draining"]
STATES: Final = ("online", "lost", "draining")


class LeaseRules(msgspec.Struct, frozen=True, kw_only=True):
    """All times of dispatch in milliseconds; every one is configuration, tests use short ones."""

    lease_ms: int = 30_000
    heartbeat_ms: int = 10_000
    lost_runner_ms: int = 35_000
    unheard_ms: int = 10_000
    """A claimed run neither started nor listed in a heartbeat for this long goes back to the queue."""
    lost_run_ms: int = 960_000
    """How long an interrupted run with on_lost=wait waits for its runner."""
    stop_on_runner_ms: int = 900_000
    """How long a runner keeps agents alive without the coordinator."""
    grace_ms: int = 40_000
    """Nothing is expired for this long after a start, a silent store or a jump of the clock."""
    clock_jump_ms: int = 5_000
    no_match_ms: int = 300_000
    external_lease_ms: int = 600_000
    portable_grace_ms: int = 60_000
    """How long a run of a portable session waits for the host of its conversation before others may take it."""


def runner_state(draining: bool, last_heard_ms: int, now_ms: int, rules: LeaseRules) -> RunnerState:
    """Lost outweighs draining; a lost runner claims nothing and is online again by its next heartbeat."""
    if now_ms - last_heard_ms > rules.lost_runner_ms:
        return "lost"
    return "draining" if draining else "online"
