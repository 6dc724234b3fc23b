"""What the process tells the shell: one table from errors, and one from the ends of runs, to exit codes."""

from typing import Final

from callboard.domain import errors
from callboard.wire.responses import Run

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
NOT_ALLOWED: Final = 4
UNREACHABLE: Final = 5
WAITS_FOR_INPUT: Final = 6
TIMED_OUT: Final = 7
CONFLICT: Final = 8
INTERRUPTED: Final = 130

MEANINGS: Final[dict[int, str]] = {
    OK: "It worked; a run that was waited for completed.",
    FAILED: "The run that was waited for failed or was stopped; or a check, or what a runner was to do in a repository "
    "failed; or the output has no room; or a defect of Callboard.",
    USAGE: "The command line, a setting or a request is wrong; nothing was created.",
    NOT_FOUND: "There is no such session, run, runner or token.",
    NOT_ALLOWED: "The token is missing, unknown, or does not allow this.",
    UNREACHABLE: "The coordinator, or its database, does not answer; what became of a request is not known.",
    WAITS_FOR_INPUT: "The session that was waited for needs a person.",
    TIMED_OUT: "The time for waiting is over and the run goes on; or the run itself reached its time limit.",
    CONFLICT: "The thing is in a state that does not allow it; or a reference is ambiguous.",
    INTERRUPTED: "Ctrl-C. What was started goes on.",
}

_OF_ERROR: Final[tuple[tuple[type[errors.CallboardError], int], ...]] = (
    (errors.NotFound, NOT_FOUND),
    (errors.Unauthenticated, NOT_ALLOWED),
    (errors.Forbidden, NOT_ALLOWED),
    (errors.Misdirected, NOT_ALLOWED),
    (errors.RateLimited, NOT_ALLOWED),
    (errors.Unavailable, UNREACHABLE),
    (errors.Conflict, CONFLICT),
    (errors.PreconditionFailed, CONFLICT),
    (errors.PreconditionRequired, USAGE),
    (errors.InvalidRequest, USAGE),
    (errors.TooLarge, USAGE),
)
_OF_REASON: Final = {"completed": OK, "timeout": TIMED_OUT, "queue_timeout": TIMED_OUT}


class WaitsForInput(Exception):
    """The session needs a person before its run can go on."""

    def __init__(self, session_id: str, waiting_for: str) -> None:
        super().__init__(f"{session_id} waits for {waiting_for}.")
        self.session_id = session_id
        self.waiting_for = waiting_for


class WaitedTooLong(Exception):
    """The time for waiting is over; the run goes on."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"{run.run_id} is still {run.status}; it goes on.")
        self.run = run


def of_error(error: errors.CallboardError) -> int:
    """The exit code of an error."""
    return next((code for kind, code in _OF_ERROR if isinstance(error, kind)), FAILED)


def of_run(run: Run) -> int:
    """The exit code of an ended run."""
    return _OF_REASON.get(run.reason or "", FAILED)
