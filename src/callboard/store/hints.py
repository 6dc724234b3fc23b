"""What a commit tells the loops of this process: wake-ups. The truth is in the rows; a hint may be lost."""

from msgspec import Struct


class Appended(Struct, frozen=True):
    """Events of a session were stored."""

    session_id: str
    root_session_id: str
    batch_id: int


class Queued(Struct, frozen=True):
    """A run may be claimed from now on."""

    run_id: str
    session_id: str
    demand_class: str
    queue_key: int


class RunnerTold(Struct, frozen=True):
    """A stop or a command waits for a runner."""

    runner_id: str


class RunChanged(Struct, frozen=True):
    """A run has another status."""

    run_id: str
    session_id: str
    status: str


class RunnersChanged(Struct, frozen=True):
    """A runner came, went, or offers something else."""


class TokenRevoked(Struct, frozen=True):
    """A token must not be accepted any more."""

    token_id: str


Hint = Appended | Queued | RunnerTold | RunChanged | RunnersChanged | TokenRevoked
