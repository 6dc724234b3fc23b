"""Every error that Callboard raises on purpose, with its stable code; knows no HTTP and no exit codes.

CallboardError
├── InvalidRequest        the words of a request are wrong; nothing was created
├── Unauthenticated       no token, or none that is known
├── Forbidden             the token may not do this
├── NotFound              no such thing, or none that the token may see
├── Conflict              the thing is in a state that does not allow it
├── PreconditionFailed    the thing is not any more what the caller has read
├── PreconditionRequired  the caller must say what it has read
├── TooLarge              over a documented size
├── UnsupportedMedia      the body is no JSON
├── Misdirected           the Host or the Origin is not ours
├── RateLimited           too many failures from one address
├── Unavailable           the store or the coordinator cannot answer now; try again
└── Internal              a defect; details are in the log under the request's id
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

DISK_FULL: Final = "disk_full"
CODES: Final[dict[str, str]] = {
    # InvalidRequest
    "invalid_request": "A field is missing, of the wrong kind, or not known; `errors` names each.",
    "invalid_json": "The body is not valid JSON, or not valid Unicode.",
    "invalid_id": "An id does not have the form of its kind.",
    "invalid_text": "A text holds NUL, a lone surrogate, or is not allowed to be empty.",
    "invalid_parameters": "The parameters do not fit the schema; `errors` has a JSON pointer and a message for each.",
    "invalid_agent": "The agent, or its file, says what cannot be; `errors` names each place that is known.",
    "invalid_schema": "The schema is no valid JSON Schema, refers to itself or elsewhere, or is too large.",
    "invalid_page": "The page mark was not made by this list.",
    "invalid_cursor": "The cursor was not made by this stream.",
    "contradicting_demands": "Two demands on one property exclude each other, so that no runner could ever fit.",
    "callback_without_session": "An asynchronous callback needs a calling session.",
    "idempotency_mismatch": "The same Idempotency-Key came with another body.",
    "insecure_address": "The coordinator would be reachable from other machines without encryption.",
    "unknown_executor": "No executor of this name exists.",
    "budget_unpriced": "A budget in dollars cannot be kept with a model whose price is not known.",
    "not_portable": "The session cannot be portable: no transcript is kept of what it runs.",
    # Unauthenticated
    "unauthenticated": "A valid bearer token is needed.",
    # Forbidden
    "forbidden": "The token does not allow this.",
    "csrf_header_missing": "A change by a browser's login needs the header X-Callboard-CSRF: 1.",
    "foreign_parent": "The named parent is not the session that the token proves.",
    # NotFound
    "not_found": "There is nothing at this address.",
    "session_not_found": "No such session.",
    "run_not_found": "No such run.",
    "runner_not_found": "No such runner.",
    "agent_not_found": "No such agent.",
    "project_not_found": "No such project.",
    "token_not_found": "No such token.",
    "issue_not_found": "No such issue in the tracker of the project; all that are missing are named.",
    "job_not_found": "No such job.",
    "parent_not_found": "No such parent session.",
    "task_not_found": "No such task.",
    "milestone_not_found": "No such milestone.",
    "approval_not_found": "No such approval.",
    "callback_not_found": "No such callback.",
    "binding_not_found": "The session has no binding yet.",
    "result_not_found": "The run ended without a result.",
    # Conflict
    "ambiguous_agent": "Several projects have an agent of this name; `errors` lists them.",
    "agent_exists": "There is an agent of this name already.",
    "agent_inactive": "The agent is not active.",
    "agent_read_only": "The agent comes from a file, and is changed there.",
    "ambiguous_reference": "Several sessions fit the reference; `errors` lists the candidates.",
    "session_archived": "The session is archived; unarchive it first.",
    "issue_conflict": "An issue is in an active work session; `errors` names each with its session.",
    "local_issues": "The project has issues of its own, which those of another tracker would overwrite.",
    "location_taken": "The place belongs to another project.",
    "no_location": "The project has no place, or none on this host; add one.",
    "not_local_tracker": "The issues of this project are kept elsewhere, and are made and changed there.",
    "project_in_use": "Sessions, agents or tokens belong to the project, or a worktree is at the place.",
    "prompt_is_script": "The executor may run its prompt as a script, and this one would hold text from elsewhere.",
    "job_failed": "A runner could not do what was asked of it.",
    "job_taken": "The job is another runner's.",
    "worktree_missing": "The worktree of the session is not there, or not there any more.",
    "worktree_in_use": "It is the worktree of work that goes on; that is ended first.",
    "worktree_present": "The worktree of the session is still there; delete that first.",
    "not_work": "The session works on no issue, so that it has no lifecycle.",
    "illegal_move": "The lifecycle does not allow this report or action; `errors` names what it allows.",
    "work_halted": "The work is stuck or paused; a person has to let it go on.",
    "work_ended": "The work is complete, cancelled or deleted; no run of it follows.",
    "no_live_run": "The session has no live run whose agent takes messages.",
    "session_busy": "The session has a live or waiting run.",
    "session_has_children": "The session has children; delete them first.",
    "approval_decided": "Another decision stands; `errors` says whose and since when.",
    "approval_expired": "The agent does not wait for this decision any more.",
    "approval_changed": "The decision is about another request than the one that waits.",
    "callback_waiting": "The end of the session has not reached the session that waits for it yet.",
    "callback_undeliverable": "The session runs its prompt as a script, so that it cannot be told how a child ends.",
    "callback_not_deliverable": "Only a callback that is held or undeliverable can be delivered again.",
    "session_external": "Another process owns this conversation now; wait until its lease ends, or end it.",
    "not_forkable": "The session works in a worktree, or nothing that it was asked is kept.",
    "run_not_finished": "The run has not ended yet.",
    "run_not_retryable": "Only an ended run can be tried again.",
    "budget_insufficient": "The pool that the budget is to come from has not enough left; `errors` says how much.",
    "budget_fixed": "The session draws from the budget of another one, or sessions below it have their own.",
    "stale_attempt": "The report is not of the attempt that owns the run.",
    "events_missing": "Fewer events of the attempt are stored than the report counts; send them again first.",
    "binding_conflict": "This attempt is bound to another conversation already.",
    "executor_session_in_use": "The conversation belongs to another session.",
    "runner_superseded": "A newer process of this runner has registered.",
    "runner_known": "This runner is known; use its own credential, or have a person remove it first.",
    "runner_busy": "The runner still has runs.",
    "idempotency_in_flight": "The first request with this Idempotency-Key is not answered yet.",
    "transcript_changed": "The kept transcript is not, or not any more, what was asked for.",
    "tree_stopping": "The tree of this session is being stopped; it takes no new children.",
    "checks_fail": "A check of the session's tasks did not pass when it ran last; `errors` names each.",
    "dependency_cycle": "Tasks depend on each other in a circle; `errors` names them.",
    "foreign_dependency": "A task depends on an issue of another project.",
    "task_waits": "The task depends on others that have not passed; `errors` names them.",
    "task_running": "The task is being worked on, or its milestone is.",
    "milestone_state": "The milestone is planned, active or ended, and this needs it to be something else.",
    "limit_reached": "A limit on the tree of sessions is reached.",
    "data_dir_in_use": "Another coordinator uses the data directory.",
    "database_in_use": "Coordinators use the database; stop them before its schema is changed.",
    "address_in_use": "Another program listens at the address.",
    "own_token": "The token is the one in the data directory of this coordinator; it would lock its owner out.",
    "secret_shown_once": "The token of this repeated request exists; its secret was shown once and is kept nowhere.",
    # PreconditionFailed, PreconditionRequired
    "precondition_failed": "The thing has changed since it was read; read it again.",
    "precondition_required": "Say with If-Match which state of the thing is meant; its ETag is that.",
    # others
    "payload_too_large": "The body, or a text in it, is over its limit.",
    "unsupported_media_type": "The body must be application/json.",
    "method_not_allowed": "This address does not take this method.",
    "misdirected_request": "The Host is not one of ours.",
    "cross_site": "Requests from other sites are refused.",
    "rate_limited": "Too many failed logins from this address; wait.",
    "unavailable": "The coordinator cannot answer now; try again shortly.",
    "database_not_ready": "The database cannot be reached, or is not ready; a start waits a while for it.",
    DISK_FULL: "There is no room where the database is; free some, and try again. Nothing was lost.",
    "store_timeout": "The database did not answer in time; nothing is known of this request's effect, try again.",
    "backup_failed": "The copy of the database could not be made; nothing is left of it.",
    "answer_unknown": "The coordinator's answer has another form than this client knows; their versions differ.",
    "internal": "A defect; the log has the details under the request's id.",
}
"""The closed list of codes with one sentence each; generated into docs/reference/errors.md."""


class CallboardError(Exception):
    """An error with a stable code, a sentence that says what and why, and the next step."""

    default_code: ClassVar[str] = "internal"

    def __init__(
        self, detail: str, *, code: str | None = None, hint: str = "", errors: list[dict[str, Any]] | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code or self.default_code
        if self.code not in CODES:
            raise ValueError(f"undocumented error code {self.code!r}")
        self.detail = detail
        self.hint = hint
        self.errors = errors or []
        self.request_id = ""
        """The coordinator's id of the request that failed; set where the error is known to have one."""


class InvalidRequest(CallboardError):
    """The words of a request are wrong."""

    default_code = "invalid_request"


def refuse_all(wrong: Sequence[InvalidRequest], detail: str, *, hint: str) -> None:
    """Raises the one that there is; of several one with this sentence, whose `errors` say each; nothing for none."""
    if len(wrong) > 1:
        errors: list[dict[str, Any]] = [{"message": f"{one.detail} {one.hint}".strip()} for one in wrong]
        raise InvalidRequest(detail, hint=hint, errors=errors)
    if wrong:
        raise wrong[0]


class Unauthenticated(CallboardError):
    """No token, or none that is known."""

    default_code = "unauthenticated"


class Forbidden(CallboardError):
    """The token may not do this."""

    default_code = "forbidden"


class NotFound(CallboardError):
    """No such thing, or none that the token may see."""

    default_code = "not_found"


class Conflict(CallboardError):
    """The thing is in a state that does not allow it."""

    default_code = "session_busy"


class PreconditionFailed(CallboardError):
    """The thing has changed since the caller read it."""

    default_code = "precondition_failed"


class PreconditionRequired(CallboardError):
    """A change that must name the state which it changes does not."""

    default_code = "precondition_required"


class TooLarge(CallboardError):
    """Over a documented size."""

    default_code = "payload_too_large"


class UnsupportedMedia(CallboardError):
    """The body is no JSON."""

    default_code = "unsupported_media_type"


class MethodNotAllowed(CallboardError):
    """The address does not take this method."""

    default_code = "method_not_allowed"


class Misdirected(CallboardError):
    """The Host or the Origin is not ours."""

    default_code = "misdirected_request"


class RateLimited(CallboardError):
    """Too many failures from one address."""

    default_code = "rate_limited"


class Unavailable(CallboardError):
    """The store or the coordinator cannot answer now."""

    default_code = "unavailable"


class Internal(CallboardError):
    """A defect."""

    default_code = "internal"
