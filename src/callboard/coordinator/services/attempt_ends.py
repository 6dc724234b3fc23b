"""What the report of an attempt's end means: the reason, and how the run ends with it. Changes nothing."""

from typing import Final

import msgspec

from callboard.coordinator.services.run_changes import RunEnd
from callboard.domain.errors import InvalidRequest
from callboard.domain.run import END_REASONS
from callboard.store.database import Row, Transaction
from callboard.wire.runner import Ended, NotLaunched

EVENT_OF: Final = {"completed": "complete", "failed": "fail", "stopped": "report_stopped"}
_NEVER_REPORTED: Final = ("no_matching_runner", "queue_timeout", "max_attempts", "completed", "stopped")
_NOT_THERE: Final = ("project_dir_missing", "project_dir_outside_roots")
MAX_SIGNAL_CHARACTERS: Final = 20


def reason_of_refusal(tx: Transaction, run: Row, report: NotLaunched) -> str:
    """Why a runner can never launch a run: the conversation is gone, or the session's place is not on that host."""
    if report.code == "executor_session_missing":
        return report.code
    binding = tx.one("open_binding", session_id=run["session_id"]) or {}
    held = tx.one("attempt_by_id", run_id=run["run_id"], attempt=run["attempt"]) or {}
    moving = run["preferred_host"] is not None and binding.get("hostname") != held.get("hostname")
    if moving and report.code in _NOT_THERE:
        return "workspace_not_portable"
    return "failed"


def reason_of(run: Row, report: Ended, kind: str) -> str:
    """The reason of a reported end. InvalidRequest for one that no runner reports."""
    if kind == "completed":
        return "completed"
    if kind == "stopped":
        return str(run["stop_reason"] or "stopped")
    reason = report.reason or "failed"
    if reason not in END_REASONS or reason in _NEVER_REPORTED:
        raise InvalidRequest(
            f"{reason!r} is no reason that a runner reports with failed.",
            errors=[{"pointer": "/reason", "message": "not a reason of failed"}],
        )
    return reason


def end_of(run: Row, report: Ended, kind: str, reason: str) -> RunEnd:
    """How the run ends with a reported end."""
    data = report.result_data
    return RunEnd(
        reason=reason,
        exit_code=report.exit_code,
        error_code=report.error_code,
        error_message=report.error_message,
        result_text=report.result_text,
        result_data=None if data is None else msgspec.json.encode(data).decode(),
        certainty=report.certainty,
        stopped_by=run["stopped_by"] if kind == "stopped" else None,
        signal=report.signal and report.signal[:MAX_SIGNAL_CHARACTERS],
        event=EVENT_OF[kind],
    )
