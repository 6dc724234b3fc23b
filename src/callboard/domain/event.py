"""The types of a session's events, who may write each, and the old names that an imported log may hold."""

from typing import Final

MAX_PAYLOAD_BYTES: Final = 256 * 1024
MAX_BATCH: Final = 500
MAX_IMPORT_LINES: Final = 100_000
"""Of an old log, which is read in one request."""
MAX_CLIENT_KEY: Final = 64

RUN_START: Final = "run_start"
RUN_COMPLETED: Final = "run_completed"
PRE_TOOL: Final = "pre_tool"
POST_TOOL: Final = "post_tool"
MESSAGE: Final = "message"
RESULT: Final = "result"
SESSION_CREATED: Final = "session_created"
SESSION_BOUND: Final = "session_bound"
SESSION_UPDATED: Final = "session_updated"
RUN_QUEUED: Final = "run_queued"
RUN_CLAIMED: Final = "run_claimed"
RUN_INTERRUPTED: Final = "run_interrupted"
RUN_RECONNECTED: Final = "run_reconnected"
STOP_REQUESTED: Final = "stop_requested"
GUIDANCE: Final = "guidance"
CHECK_STARTED: Final = "check_started"
CHECK_COMPLETED: Final = "check_completed"
LIFECYCLE_CHANGED: Final = "lifecycle_changed"
USAGE: Final = "usage"
BUDGET_CHANGED: Final = "budget_changed"
NOTE: Final = "note"
OUTPUT: Final = "output"
APPROVAL_REQUESTED: Final = "approval_requested"
APPROVAL_DECIDED: Final = "approval_decided"
APPROVAL_EXPIRED: Final = "approval_expired"
CALLBACK_WAITING: Final = "callback_waiting"
CALLBACK_ASSIGNED: Final = "callback_assigned"
CALLBACK_ACCEPTED: Final = "callback_accepted"
CALLBACK_HELD: Final = "callback_held"
CALLBACK_UNDELIVERABLE: Final = "callback_undeliverable"

DESCRIPTIONS: Final[dict[str, str]] = {
    RUN_START: "run number, type, trigger, attempt, runner, binding generation",
    RUN_COMPLETED: "reason, exit_code, error, result, usage",
    PRE_TOOL: "tool_use_id, tool_name, tool_input, parent_tool_use_id",
    POST_TOOL: "tool_use_id, tool_name, tool_output, is_error, duration_ms",
    MESSAGE: "role, content, message_key, message_id of the message that the agent took",
    RESULT: "result_text or result_data",
    SESSION_CREATED: "the session as it was created",
    SESSION_BOUND: "generation, executor_type, executor_session_id, hostname, project_dir, reason",
    SESSION_UPDATED: "the fields that changed",
    RUN_QUEUED: "run_id, number, type, trigger, message_id of the message that it carries",
    RUN_CLAIMED: "run_id, attempt, runner_id",
    RUN_INTERRUPTED: "why contact was lost, and what follows",
    RUN_RECONNECTED: "attempt",
    STOP_REQUESTED: "run_id, stopped_by, reason",
    CALLBACK_WAITING: "callback_id, child_session_id, child_run_id",
    CALLBACK_ASSIGNED: "callback_id, child_session_id, child_run_id, run_id that carries it",
    CALLBACK_ACCEPTED: "callback_id, child_session_id, child_run_id, run_id whose agent took it",
    CALLBACK_HELD: "callback_id, child_session_id, child_run_id, why",
    CALLBACK_UNDELIVERABLE: "callback_id, child_session_id, child_run_id, why",
    APPROVAL_REQUESTED: "approval_id, tool_name, tool_input, description, project_dir, risk, risk_notes, "
    "content_hash, session_allows",
    APPROVAL_DECIDED: "approval_id, decision, by, by_label, reason, updated_input, scope (once, session), granted_by: "
    "the decision for the session that allowed it",
    APPROVAL_EXPIRED: "approval_id",
    LIFECYCLE_CHANGED: "from, to, by (worker, person, callboard), reason",
    GUIDANCE: "text, by; of guidance: guidance_id; of a message to a live run: message_id, status (offered, cancelled, "
    "refused), run_id, why",
    CHECK_STARTED: "name",
    CHECK_COMPLETED: "name, exit_code, tail, duration_ms; signal or timed_out where that ended it",
    BUDGET_CHANGED: "the pool after its limits were changed: limits, spent, reserved, left; before_microdollars, "
    "before_tokens, by, by_label",
    USAGE: "what was booked, or `usage_incomplete`",
    NOTE: "text",
    OUTPUT: "stream, text: a line that the agent's process printed (stderr), or what was done to it (runner)",
}
"""The closed list of what we write ourselves; unknown types of newer runners are kept and shown."""

REPORTED_BY_RUNNER: Final = frozenset(
    {PRE_TOOL, POST_TOOL, MESSAGE, RESULT, NOTE, OUTPUT, CHECK_STARTED, CHECK_COMPLETED}
)
"""Types that a runner may post for its attempt; types that are not in DESCRIPTIONS are allowed as well."""

EXTERNAL_TYPES: Final = frozenset({MESSAGE, PRE_TOOL, POST_TOOL, RESULT, NOTE})
"""What the token of an external session may post for itself."""

_OLD_NAMES: Final = {"session_start": RUN_START, "session_stop": RUN_COMPLETED}


def may_report(event_type: str) -> bool:
    """Whether a runner may post this type: all that the coordinator does not write itself, under its present name."""
    return event_type in REPORTED_BY_RUNNER or (event_type not in DESCRIPTIONS and event_type not in _OLD_NAMES)


def present_name(event_type: str) -> str:
    """Today's name of an event type in an old log."""
    return _OLD_NAMES.get(event_type, event_type)
