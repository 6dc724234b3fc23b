"""What a commit tells the loops of all coordinators: wake-ups. The truth is in the rows; a hint may be lost."""

from msgspec import Struct


class Appended(Struct, frozen=True, tag=True):
    """Events of a session were stored."""

    session_id: str
    root_session_id: str
    batch_id: int


class Queued(Struct, frozen=True, tag=True):
    """A run may be claimed from now on."""

    run_id: str
    session_id: str
    demand_class: str
    queue_key: int


class RunnerTold(Struct, frozen=True, tag=True):
    """A stop or a command waits for a runner."""

    runner_id: str


class RunChanged(Struct, frozen=True, tag=True):
    """A run has another status."""

    run_id: str
    session_id: str
    status: str


class RunnersChanged(Struct, frozen=True, tag=True):
    """A runner came, went, or offers something else."""


class CallbackDue(Struct, frozen=True, tag=True):
    """A session is to be told of the end of something that it started, or may be told now."""

    session_id: str


class JobWaits(Struct, frozen=True, tag=True):
    """A job waits for a runner of this host; of any, when it is empty."""

    hostname: str


class JobEnded(Struct, frozen=True, tag=True):
    """A job is done, or has failed."""

    job_id: str


class BudgetDue(Struct, frozen=True, tag=True):
    """A pool has less or more than before, or fewer runs: some may have to stop, or may start."""


class TokenRevoked(Struct, frozen=True, tag=True):
    """A token must not be accepted any more."""

    token_id: str


class LookAgain(Struct, frozen=True, tag=True):
    """Hints were lost, nobody knows which: whatever memory says may be old."""


Hint = (
    LookAgain
    | Appended
    | Queued
    | RunnerTold
    | RunChanged
    | RunnersChanged
    | CallbackDue
    | BudgetDue
    | JobWaits
    | JobEnded
    | TokenRevoked
)
