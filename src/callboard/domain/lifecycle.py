"""How work on issues moves: what a worker may report, what people may do, and what follows from its runs; as one table.

Pure. Knows no sessions and no runs.
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from callboard.domain.transitions import IllegalTransition, Transitions

Report = Literal[
    "planning", "planning_complete", "working", "shipping", "reviews_in_progress", "pr_ready", "complete", "stuck"
]
Action = Literal["pause", "resume", "restart", "cancel", "forward", "heartbeat", "delete"]
REPORTS: Final[tuple[str, ...]] = get_args(Report)
ACTIONS: Final[tuple[str, ...]] = get_args(Action)

REMEMBERED: Final = "remembered"
"""What the table says for a resume: the state that the pause began in."""
RUN_STARTED: Final = "run_started"
RUN_FAILED: Final = "run_failed"
RUN_STOPPED: Final = "run_stopped"
"""By a person, or by whoever started the session."""
CHECKS_PASSED: Final = "checks_passed"
"""Of a task; the end of a milestone is one too."""

_REPORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "registered": ("planning", "working"),
    "planning": ("planning_complete", "working"),
    "planning_complete": ("working",),
    "working": ("planning", "shipping", "complete"),
    "shipping": ("working", "reviews_in_progress", "pr_ready", "complete"),
    "reviews_in_progress": ("working", "pr_ready", "complete"),
    "pr_ready": ("working", "reviews_in_progress", "complete"),
}
UNDER_WAY: Final = tuple(_REPORTS)
"""The states in which a worker may work."""
HALTED: Final = ("stuck", "paused")
"""Nothing of the session runs until a person says so; its issues are its own all the same."""
ENDED: Final = ("complete", "cancelled", "deleted")
"""Its issues are free for others, and no run of it follows."""
_ACTIVE: Final = (*UNDER_WAY, *HALTED)

LIFECYCLE: Final = Transitions(
    {(state, report): report for state, reports in _REPORTS.items() for report in (*reports, "stuck")}
    | {(state, "pause"): "paused" for state in (*UNDER_WAY, "stuck")}
    | {("paused", "resume"): REMEMBERED, ("stuck", "restart"): "working"}
    | {(state, "cancel"): "cancelled" for state in _ACTIVE}
    | {(state, action): state for state in _ACTIVE for action in ("forward", "heartbeat")}
    | {(state, "delete"): "deleted" for state in (*_ACTIVE, "complete", "cancelled")}
    | {("registered", RUN_STARTED): "working"}
    | {(state, RUN_FAILED): "stuck" for state in UNDER_WAY}
    | {(state, RUN_STOPPED): "paused" for state in UNDER_WAY}
    | {(state, CHECKS_PASSED): "complete" for state in UNDER_WAY}
)
"""Every change of a lifecycle: reports by the state that is reported, actions by their names, and what runs bring."""

STATES: Final = (*_ACTIVE, *ENDED)


class IllegalMove(ValueError):
    """A report or an action that the state does not allow; the text and `legal` name those of its kind that it does."""

    def __init__(self, state: str, move: str) -> None:
        self.legal = legal_actions(state) if move in ACTIONS else legal_reports(state)
        told = f"; possible: {', '.join(self.legal)}" if self.legal else ""
        super().__init__(f"{move} is not possible from {state}{told}")


def moved(state: str, move: str, remembered: str | None = None) -> str:
    """The state after a report, an action or what a run brings; IllegalMove when the table has no such entry."""
    try:
        after = LIFECYCLE.next_state(state, move)
    except IllegalTransition:
        raise IllegalMove(state, move) from None
    return (remembered or "working") if after == REMEMBERED else after


def follows(state: str, event: str) -> str:
    """The state after what a run brings; the same where the table has no entry."""
    return LIFECYCLE.table.get((state, event), state)


def legal_reports(state: str) -> list[str]:
    """What may be reported in a state."""
    return [report for report in REPORTS if (state, report) in LIFECYCLE.table]


def legal_actions(state: str) -> list[str]:
    """What people may do in a state."""
    return [action for action in ACTIONS if (state, action) in LIFECYCLE.table]
