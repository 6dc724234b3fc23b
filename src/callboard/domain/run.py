"""A run: its states, the reasons of its end and what follows from them; everything that moves a run is in RUN."""

from typing import Final, Literal, get_args

from callboard.domain.transitions import Transitions

RunType = Literal["start_session", "resume_session"]
Trigger = Literal["user", "agent", "callback", "task", "issue", "external"]
RunStatus = Literal["pending", "claimed", "running", "interrupted", "completed", "failed", "stopped"]
ExecutionMode = Literal["sync", "async_poll", "async_callback"]
OnLost = Literal["wait", "retry", "fail"]
OnBusy = Literal["enqueue", "reject", "interrupt"]
StoppedBy = Literal["person", "parent", "tree", "busy", "lifecycle"]
EndReason = Literal[
    "completed",
    "failed",
    "output_invalid",
    "max_turns",
    "max_attempts",
    "no_matching_runner",
    "interrupted",
    "executor_session_missing",
    "workspace_not_portable",
    "timeout",
    "queue_timeout",
    "stopped",
    "budget_exceeded",
]

RUN: Final = Transitions(
    {
        ("pending", "claim"): "claimed",
        ("pending", "stop"): "stopped",
        ("pending", "no_matching_runner"): "failed",
        ("pending", "queue_timeout"): "failed",
        ("claimed", "started"): "running",
        ("claimed", "not_launched"): "pending",
        ("claimed", "unheard"): "pending",
        ("claimed", "stop"): "stopped",
        ("claimed", "fail"): "failed",
        ("claimed", "report_stopped"): "stopped",
        ("running", "complete"): "completed",
        ("running", "fail"): "failed",
        ("running", "report_stopped"): "stopped",
        ("running", "lose"): "interrupted",
        ("running", "not_launched"): "pending",
        ("interrupted", "not_launched"): "pending",
        ("interrupted", "reconnect"): "running",
        ("interrupted", "retry"): "pending",
        ("pending", "reconnect"): "running",
        ("pending", "recall"): "interrupted",
        ("interrupted", "give_up"): "failed",
        ("interrupted", "complete"): "completed",
        ("interrupted", "fail"): "failed",
        ("interrupted", "report_stopped"): "stopped",
    }
)
"""Every change of a run's status.

An end reported by an interrupted attempt first reconnects it. A lost attempt that went back to the queue for a retry
may still reconnect while nobody has claimed the run again: it is stale from the next claim on; a stop recalls it, since
its agent may be alive. A claimed run fails when its runner says that it can never launch it. A permission to launch
that comes back unused is no try; a run whose permission came back MAX_UNLAUNCHED times fails.
"""

LIVE: Final = ("claimed", "running", "interrupted")
ENDED: Final = ("completed", "failed", "stopped")
STATUSES: Final[tuple[str, ...]] = get_args(RunStatus)
END_REASONS: Final[tuple[str, ...]] = get_args(EndReason)
MAX_TRIES: Final = 3
MAX_UNLAUNCHED: Final = 5
"""How many permissions to launch may come back unused."""
PRIORITY_STEP_MS: Final = 60_000
CONTINUATION_PROMPT: Final = (
    "The previous turn was cut off before it ended. Look at what has been done already, "
    "do not repeat it, and finish the task."
)

_STATUS_OF_REASON: Final[dict[str, RunStatus]] = {
    "completed": "completed",
    "stopped": "stopped",
    "budget_exceeded": "stopped",
}

REASON_SENTENCES: Final[dict[str, str]] = {
    "completed": "The agent finished its turn.",
    "failed": "The agent failed.",
    "output_invalid": "The agent's result does not fit the output schema.",
    "max_turns": "The agent reached the limit of turns.",
    "max_attempts": f"The run was lost {MAX_TRIES} times and is not tried again.",
    "no_matching_runner": "No registered runner meets the run's demands.",
    "interrupted": "Contact with the runner was lost and did not come back.",
    "executor_session_missing": "The agent's conversation is gone; resume --from-log goes on in a new one.",
    "workspace_not_portable": "The session's work is on another host and cannot be moved.",
    "timeout": "The run took longer than its limit.",
    "queue_timeout": "The run waited longer than its limit.",
    "stopped": "The run was stopped.",
    "budget_exceeded": "The budget is used up.",
}


def status_of(reason: str) -> RunStatus:
    """The final run status that belongs to a reason of the end."""
    return _STATUS_OF_REASON.get(reason, "failed")


def exit_code_of(reason: str, agents_own: int | None) -> int:
    """0 only for completed; else the agent's own non-zero code, else 1."""
    return 0 if reason == "completed" else (agents_own or 1)


def queue_key(created_at_ms: int, priority: int) -> int:
    """The place in the queue, smallest first: one step of priority is worth a minute of waiting."""
    return created_at_ms - priority * PRIORITY_STEP_MS


def after_lost(on_lost: OnLost, tries: int, repeatable: bool) -> Literal["retry", "give_up", "exhausted", "wait"]:
    """What follows when contact with the live run's runner is lost; `tries` counts the launches so far."""
    if on_lost == "fail":
        return "give_up"
    if on_lost == "retry" and repeatable:
        return "retry" if tries < MAX_TRIES else "exhausted"
    return "wait"
