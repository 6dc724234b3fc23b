"""Waits for what a runner does in a repository, says why it takes long, and turns its failure into words and a code."""

from typing import Final

import msgspec

from callboard.cli.context import Context
from callboard.cli.exit_codes import CONFLICT, FAILED, NOT_FOUND, TIMED_OUT, USAGE
from callboard.cli.failure import Failure
from callboard.cli.output import span
from callboard.client import calls, clock
from callboard.domain.errors import Unavailable
from callboard.wire.work import Job

SLICE_SECONDS: Final = 3.0
"""After how long a person wants to know why nothing happens."""
PATIENCE_SECONDS: Final = 120.0
"""How long the coordinator may be away while a job is waited for."""
_EXIT_CODES: Final = {
    "job_timeout": TIMED_OUT,
    "issue_unknown": NOT_FOUND,
    "issue_author": CONFLICT,
    "branch_exists": CONFLICT,
    "branch_symbolic": CONFLICT,
    "branch_broken": CONFLICT,
    "base_missing": NOT_FOUND,
    "branch_in_use": CONFLICT,
    "path_taken": CONFLICT,
    "repository_busy": CONFLICT,
    "worktree_locked": CONFLICT,
    "worktree_missing": CONFLICT,
    "work_would_be_lost": CONFLICT,
    "uncommitted_changes": CONFLICT,
    "wrong_branch": CONFLICT,
    "nothing_to_ship": CONFLICT,
    "invalid_branch": USAGE,
    "invalid_name": USAGE,
}


def wait_for_work(context: Context, job_id: str, what: str, *, session_id: str, handle: str) -> Job:
    """The job that makes the worktree of work after its end; Unavailable says that the work is reserved."""
    try:
        return wait_for_job(context, job_id, what)
    except Unavailable as error:
        error.hint = (
            f"The work is reserved as {session_id}, and is made or undone without you. "
            f"Look at it when the coordinator is back: callboard get {handle}; or wait: callboard wait {handle}"
        )
        raise


def wait_for_job(context: Context, job_id: str, what: str) -> Job:
    """The job after its end. Unavailable when the coordinator is away for longer than PATIENCE_SECONDS.

    `what` says in words what is waited for.
    """
    told, away_since = False, None
    while True:
        try:
            job = context.client.send(calls.work.wait_for_job(job_id, SLICE_SECONDS))
        except Unavailable as error:
            now = clock.monotonic_seconds()
            if away_since is None:
                away_since = now
                context.output.note(span(f"{error.detail} Asking again, for {PATIENCE_SECONDS:.0f} s.", "yellow"))
            if now - away_since > PATIENCE_SECONDS:
                raise
            clock.pause(1.0)
            continue
        away_since = None
        if job.ended_at is not None:
            return job
        if not told:
            told = True
            waits = "no runner has taken it yet" if job.status == "waiting" else "a runner is at it"
            context.output.note(span(f"{what}: {waits} (until {job.deadline_at} at the latest).", "yellow"))


def report_failure(context: Context, job: Job) -> int:
    """Print why a job failed, as other errors are printed; the exit code."""
    error = job.error or {"code": "runner_failed", "message": "The runner could not do it.", "hint": ""}
    exit_code = _EXIT_CODES.get(error["code"], FAILED)
    output = context.output
    failure = Failure(code=error["code"], detail=error["message"], hint=error["hint"], exit_code=exit_code)
    if output.json_wanted:
        output.warn(msgspec.json.encode(failure).decode())
        return exit_code
    output.warn(span("error: ", "red", "bold"), failure.detail)
    if failure.hint:
        output.warn(span("next:  ", "bold"), failure.hint)
    output.warn(span(f"code:  {failure.code}", "dim"))
    return exit_code
