"""An old log becomes a session: its events under today's names, with the time that each had there. Runs nothing."""

import re
from typing import Any, Final

import msgspec

from callboard.domain import ids
from callboard.domain.caller import Caller
from callboard.domain.demands import Demands, canonical, demand_class
from callboard.domain.errors import InvalidRequest, TooLarge
from callboard.domain.event import MAX_BATCH, MAX_IMPORT_LINES, SESSION_CREATED, present_name
from callboard.domain.ids import Ids
from callboard.domain.run import exit_code_of, status_of
from callboard.store.database import Transaction
from callboard.store.events import NewEvent, append
from callboard.wire.times import LATEST_MS, rfc3339, to_ms

EXECUTOR: Final = "imported"
"""No runner offers it: what was only read cannot be resumed."""
REASON: Final = "completed"
LogLines = list[dict[str, Any]]
"""The objects of an old log, in its order."""
_TYPE: Final = re.compile(r"^[a-z][a-z0-9_.]{0,63}$")


def import_log(tx: Transaction, caller: Caller, events: list[NewEvent], new_ids: Ids) -> str:
    """The id of a finished, archived session with these events, in their order."""
    session_id, run_id = new_ids.new(ids.SESSION), new_ids.new(ids.RUN)
    _insert_session(tx, caller, session_id, run_id, events)
    _insert_ended_run(tx, caller, session_id, run_id)
    created = {"session_id": session_id, "imported": True, "title": _title(events)}
    append(
        tx,
        session_id,
        session_id,
        [NewEvent(type=SESSION_CREATED, payload=msgspec.json.encode(created))],
        run_id=None,
        attempt=None,
    )
    for start in range(0, len(events), MAX_BATCH):
        append(tx, session_id, session_id, events[start : start + MAX_BATCH], run_id=run_id, attempt=None)
    return session_id


def events_of_log(lines: LogLines) -> list[NewEvent]:
    """The events that the lines of an old log are today. TooLarge.

    A line is an object with `event_type`, perhaps `timestamp` (RFC 3339), and whatever else it held, which becomes
    the payload. InvalidRequest names every line that is none; nothing is created then.
    """
    if len(lines) > MAX_IMPORT_LINES:
        raise TooLarge(f"{len(lines)} lines; at most {MAX_IMPORT_LINES} are taken.", hint="Import the log in parts.")
    events: list[NewEvent] = []
    errors: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        try:
            events.append(_event(line))
        except ValueError as problem:
            errors.append({"pointer": f"/lines/{number}", "message": str(problem)})
    if errors or not events:
        raise InvalidRequest(
            f"{len(errors)} lines of the log cannot be read." if errors else "The log has no lines.",
            hint="Each line is a JSON object with event_type, and perhaps timestamp (RFC 3339).",
            errors=errors,
        )
    return events


def _event(line: dict[str, Any]) -> NewEvent:
    rest = dict(line)
    event_type = rest.pop("event_type", None)
    if not isinstance(event_type, str) or not _TYPE.match(event_type):
        raise ValueError("event_type must be a plain word of at most 64 characters")
    timestamp = rest.pop("timestamp", None)
    return NewEvent(
        type=present_name(event_type),
        payload=msgspec.json.encode(rest),
        source_at=None if timestamp is None else _moment(timestamp),
    )


def _moment(timestamp: Any) -> int:
    try:
        time_ms = to_ms(timestamp)
    except (TypeError, ValueError, OverflowError):
        time_ms = -1
    if not 0 <= time_ms <= LATEST_MS:
        raise ValueError("timestamp must be RFC 3339 text of the years 1970 to 9999")
    return time_ms


def _title(events: list[NewEvent]) -> str:
    first = next((event.source_at for event in events if event.source_at is not None), None)
    return "imported log" if first is None else f"imported log of {rfc3339(first)}"


def _insert_session(tx: Transaction, caller: Caller, session_id: str, run_id: str, events: list[NewEvent]) -> None:
    tx.run(
        "insert_session",
        session_id=session_id,
        parent_session_id=None,
        root_session_id=session_id,
        depth=0,
        created_by=caller.token_id,
        context="persistent",
        external=0,
        project_id=caller.project_id,
        agent_name=None,
        executor_type=EXECUTOR,
        title=_title(events),
        labels="{}",
        project_dir=None,
        portable=0,
        status="finished",
        queued_runs=0,
        run_count=1,
        latest_run_id=run_id,
        now=tx.now_ms,
    )
    tx.run("archive_session", session_id=session_id, archived_at=tx.now_ms, now=tx.now_ms)


def _insert_ended_run(tx: Transaction, caller: Caller, session_id: str, run_id: str) -> None:
    demands = Demands(executor_type=EXECUTOR)
    tx.run(
        "insert_run",
        run_id=run_id,
        session_id=session_id,
        number=1,
        type="start_session",
        trigger="external",
        prompt=None,
        parameters=None,
        agent=None,
        agent_name=None,
        executor_type=EXECUTOR,
        demands=canonical(demands),
        demand_class=demand_class(demands),
        execution_mode="sync",
        priority=0,
        limits="{}",
        on_lost="wait",
        repeatable=0,
        model=None,
        permission_mode=None,
        project_dir=None,
        traceparent=None,
        created_by=caller.token_id,
        from_log=0,
        caller_session_id=None,
        queue_key=None,
        queue_deadline_at=None,
        no_match_ms=0,
        retry_of=None,
        created_at=tx.now_ms,
    )
    tx.run(
        "end_run",
        run_id=run_id,
        attempt=0,
        from_status="pending",
        status=status_of(REASON),
        reason=REASON,
        exit_code=exit_code_of(REASON, None),
        error_code=None,
        error_message=None,
        result_text=None,
        result_data=None,
        certainty=None,
        stopped_by=None,
        now=tx.now_ms,
    )
