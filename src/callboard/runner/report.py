"""The end of an attempt, as the coordinator is told it: which of the three ends, and every event before it."""

from typing import Any, Final

import msgspec
import structlog

from callboard.domain.checks import CheckOutcome
from callboard.domain.errors import CallboardError
from callboard.domain.invocation import Outcome
from callboard.runner.attempt_files import CutShort, Progress
from callboard.runner.attempt_reports import AttemptReports, EndKind
from callboard.wire.runner import EndedAnswer

MAX_ERROR_CHARACTERS: Final = 4_000
NEVER_LAUNCHED: Final = "never_launched"
_CHECKS_LOST: Final = "The keeper was ended while checks ran."
_LOG = structlog.get_logger(__name__)


class EventsMissing(Exception):
    """The coordinator has fewer events of the attempt than were reported."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """What is reported of the end."""

    kind: EndKind
    details: dict[str, Any]
    left: int = 0
    """How many processes of the attempt could not be ended."""


def never_launched() -> End:
    """The end of an attempt that was stopped before anything ran."""
    return End(kind="stopped", details={"certainty": NEVER_LAUNCHED})


def failed(code: str, message: str, *, reason: str = "failed") -> End:
    """An end that this runner came to by itself."""
    error = {"reason": reason, "error_code": code, "error_message": message[-MAX_ERROR_CHARACTERS:]}
    return End(kind="failed", details=error)


def end_of(outcome: Outcome, progress: Progress, *, interrupted: bool, signalled: bool) -> End:
    """What to report of a launch that ended, given what was asked of it and whether that reached it before its exit.

    An agent that finished its turn before a stop reached it has completed. One that was lost with its keeper, or
    that nobody listened to for too long, is reported as lost.
    """
    details = _details(outcome)
    reached = signalled or (interrupted and outcome.kind != "completed")
    if progress.stop is not None and (reached or outcome.kind == "stopped"):
        return End(kind="stopped", details=details, left=outcome.left)
    if progress.cut_short is not None and (reached or outcome.kind != "completed"):
        cut = progress.cut_short
        why = {"reason": cut.reason, "error_code": cut.code, "error_message": cut.message}
        return End(kind="failed", details=details | why, left=outcome.left)
    if outcome.kind == "completed":
        return End(kind="completed", details=details, left=outcome.left)
    lost = outcome.error_code == "keeper_lost" or outcome.reason == "stopped"
    reason = "interrupted" if lost else outcome.reason
    error: dict[str, Any] = {"reason": reason, "error_code": outcome.error_code, "error_message": outcome.error_message}
    return End(kind="failed", details=details | error, left=outcome.left)


def with_checks(end: End, progress: Progress, wanted: int, outcomes: list[CheckOutcome]) -> End:
    """The end of an attempt whose agent's work was to be judged by so many checks.

    Only an agent that completed is judged; when not all checks came to their end, neither did the attempt.
    """
    if end.kind != "completed" or not wanted:
        return end
    details = end.details | {"checks": outcomes}
    if len(outcomes) == wanted:
        return msgspec.structs.replace(end, details=details)
    if progress.stop is not None:
        return msgspec.structs.replace(end, kind="stopped", details=details)
    cut = progress.cut_short or CutShort(reason="interrupted", code="checks_lost", message=_CHECKS_LOST)
    why = {"reason": cut.reason, "error_code": cut.code, "error_message": cut.message}
    return msgspec.structs.replace(end, kind="failed", details=details | why)


async def report_end(reports: AttemptReports, end: End, event_count: int) -> EndedAnswer:
    """Tell the coordinator. Raises EventsMissing when events must be posted again first, and AttemptStale."""
    try:
        return await reports.ended(end.kind, reports.end(event_count, **end.details))
    except CallboardError as error:
        if error.code == "events_missing":
            raise EventsMissing(error.detail) from error
        return await _reduced(reports, end, error)


async def _reduced(reports: AttemptReports, end: End, error: CallboardError) -> EndedAnswer:
    """An end that the coordinator refuses is reported without what may have displeased it, rather than never."""
    _LOG.error("end_refused", code=error.code, detail=error.detail)
    kept = {name: end.details[name] for name in ("exit_code", "certainty", "signal") if name in end.details}
    return await reports.ended(end.kind, reports.end(0, **kept))


def _details(outcome: Outcome) -> dict[str, Any]:
    return {
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "certainty": outcome.certainty,
        "result_text": outcome.result_text,
        "result_data": outcome.result_data,
    }
