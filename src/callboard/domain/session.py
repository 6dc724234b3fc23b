"""A session's shown status, derived from its latest runs in one place, and the groups that people see."""

from typing import Final, Literal, get_args

SessionStatus = Literal["pending", "running", "stopping", "interrupted", "finished", "failed", "stopped"]
WaitingFor = Literal["approval", "question", "trust", "report", "budget"]
Context = Literal["persistent", "fresh"]
Group = Literal["needs_you", "ready_for_review", "working", "queued", "done"]
STATUSES: Final[tuple[str, ...]] = get_args(SessionStatus)

_OF_ENDED_RUN: Final[dict[str, SessionStatus]] = {"completed": "finished", "failed": "failed", "stopped": "stopped"}
_REVIEW: Final = ("reviews_in_progress", "pr_ready")


def session_status(live: str | None, stop_requested: bool, last_ended: str | None) -> SessionStatus:
    """The status from the live run's (claimed, running, interrupted), else from the last ended run's.

    A queued resume leaves the status as it is, so pending runs do not appear here.
    """
    if live == "interrupted":
        return "interrupted"
    if live is not None and stop_requested:
        return "stopping"
    if live == "running":
        return "running"
    if last_ended is not None:
        return _OF_ENDED_RUN[last_ended]
    return "pending"


def group_of(
    status: str,
    *,
    waiting_for: str | None = None,
    lifecycle: str | None = None,
    live: bool = False,
    queued_runs: int = 0,
    undeliverable: bool = False,
) -> Group:
    """Where a session stands on the callboard: who must act next."""
    if waiting_for or lifecycle == "stuck" or status == "interrupted" or undeliverable:
        return "needs_you"
    if lifecycle in _REVIEW:
        return "ready_for_review"
    if live:
        return "working"
    return "queued" if queued_runs else "done"
