"""An event of a session's log as one or a few lines for people; unknown types are shown as they are. All pure."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from callboard.cli.event_sentences import CALLBACKS, budget_sentence, callback_sentence, stop_sentence
from callboard.cli.output import Part, Style, span
from callboard.cli.text import fit, one_line, short_id
from callboard.wire.responses import Event

INPUT_CELLS: Final = 160
_Payload = dict[str, Any]


def payload_of(event: Event) -> _Payload:
    """The payload as an object; empty when it is none."""
    try:
        payload = msgspec.json.decode(event.payload)
    except msgspec.DecodeError:
        return {}
    return payload if isinstance(payload, dict) else {}


def text_of(payload: _Payload) -> str:
    """All text of a message's content blocks."""
    content = payload.get("content")
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(str(block["text"]) for block in blocks if isinstance(block, dict) and "text" in block)


def event_parts(event: Event, *, whole: bool) -> list[Part]:
    """What to print after the time; `whole` leaves nothing out of texts, tool inputs and outputs."""
    payload = payload_of(event)
    render = _RENDERERS.get(event.type)
    if render is not None:
        return render(payload, whole)
    return [span(event.type, "dim"), " ", span(_brief(payload, whole), "dim")]


def _message(payload: _Payload, whole: bool) -> list[Part]:
    role = str(payload.get("role", "assistant"))
    style: Style = "blue" if role == "user" else "green"
    text = text_of(payload)
    cells = INPUT_CELLS // 2 if role == "user" else INPUT_CELLS * 4  # who asked knows what was asked
    return [span(f"{role}:", style, "bold"), " ", text if whole else fit(one_line(text), cells)]


def _pre_tool(payload: _Payload, whole: bool) -> list[Part]:
    return [span("tool", "cyan"), f" {payload.get('tool_name', '?')} ", _brief(payload.get("tool_input"), whole)]


def _post_tool(payload: _Payload, whole: bool) -> list[Part]:
    failed = bool(payload.get("is_error"))
    mark = span("tool failed", "red") if failed else span("tool done", "cyan")
    took = f" {payload['duration_ms']} ms" if isinstance(payload.get("duration_ms"), int) else ""
    return [mark, f" {payload.get('tool_name', '?')}{took} ", span(_brief(payload.get("tool_output"), whole), "dim")]


def _result(payload: _Payload, whole: bool) -> list[Part]:
    value = payload.get("result_text")
    return [span("result", "bold"), " ", _brief(payload.get("result_data") if value is None else value, whole)]


def _run_start(payload: _Payload, _: bool) -> list[Part]:
    return [span("run started", "bold"), _facts(payload, "number", "trigger", "attempt")]


def _run_completed(payload: _Payload, whole: bool) -> list[Part]:
    reason = str(payload.get("reason", "?"))
    style: Style = "green" if reason == "completed" else "red"
    error = payload.get("error")
    message = str(error.get("message", "")) if isinstance(error, dict) else ""
    parts: list[Part] = [span(f"run {reason}", style, "bold"), _facts(payload, "exit_code")]
    return [*parts, f": {message if whole else fit(one_line(message), INPUT_CELLS)}"] if message else parts


def _run_queued(payload: _Payload, _: bool) -> list[Part]:
    return [span("run queued", "dim"), _facts(payload, "number", "trigger")]


def _run_claimed(payload: _Payload, _: bool) -> list[Part]:
    runner = str(payload.get("runner_id") or "")
    return [span("run claimed", "dim"), f" by {short_id(runner)}" if runner else ""]


def _bound(payload: _Payload, _: bool) -> list[Part]:
    carried = f" {payload.get('executor_type', '?')} {payload.get('executor_session_id', '')}"
    return [span("bound", "dim"), carried, _facts(payload, "generation", "hostname")]


def _stop_requested(payload: _Payload, _: bool) -> list[Part]:
    return [span("stop requested", "yellow"), f" {stop_sentence(payload)}".rstrip()]


def _callback(event_type: str) -> Callable[[_Payload, bool], list[Part]]:
    return lambda payload, _: [span("callback", "dim"), f" {callback_sentence(event_type, payload)}"]


def _created(payload: _Payload, _: bool) -> list[Part]:
    return [span("session created", "bold"), _facts(payload, "executor_type", "context", "parent_session_id")]


def _usage(payload: _Payload, whole: bool) -> list[Part]:
    rows = payload.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return [span("usage", "dim"), " ", _brief(payload, whole)]
    shown = [
        f"{row.get('model', '?')} {row.get('input_tokens', 0)} in, {row.get('output_tokens', 0)} out" for row in rows
    ]
    return [span("usage", "dim"), f" {'; '.join(shown)}"]


def _approval_requested(payload: _Payload, whole: bool) -> list[Part]:
    asked = _brief(payload.get("description", payload.get("tool_name")), whole)
    notes = ", ".join(map(str, payload.get("risk_notes") or []))
    told = _facts(payload, "approval_id", "risk") + (f" it {notes}" if notes else "")
    return [span("asks for permission", "yellow", "bold"), told, f": {asked}"]


def _approval_decided(payload: _Payload, whole: bool) -> list[Part]:
    decision = "permission denied" if payload.get("decision") == "deny" else "permission given"
    reason = payload.get("reason")
    return [span(decision, "yellow"), _facts(payload, "by"), f": {_brief(reason, whole)}" if reason else ""]


def _note(payload: _Payload, whole: bool) -> list[Part]:
    return [span("note", "dim"), " ", _brief(payload.get("text", payload), whole)]


def _output(payload: _Payload, whole: bool) -> list[Part]:
    return [span(str(payload.get("stream", "output")), "dim"), " ", _brief(payload.get("text"), whole)]


def _lifecycle(payload: _Payload, whole: bool) -> list[Part]:
    to, reason = str(payload.get("to", "?")), payload.get("reason")
    style: Style = "red" if to == "stuck" else "yellow" if to in ("paused", "cancelled") else "green"
    why = f": {_brief(reason, whole)}" if reason else ""
    return [span(f"{payload.get('from', '?')} → {to}", style, "bold"), f" by {payload.get('by', '?')}{why}"]


def _check_started(payload: _Payload, whole: bool) -> list[Part]:
    del whole
    return [span("check begins", "blue"), f" {payload.get('name', '?')}"]


def _check(payload: _Payload, whole: bool) -> list[Part]:
    passed = payload.get("exit_code") == 0 and not payload.get("timed_out")
    name, took = payload.get("name", "?"), f" {payload.get('duration_ms', '?')} ms"
    if passed:
        return [span("check passed", "green", "bold"), f" {name}{took}"]
    how = "took too long" if payload.get("timed_out") else payload.get("signal") or f"exit {payload.get('exit_code')}"
    return [span("check failed", "red", "bold"), f" {name}{took}, {how}: ", _brief(payload.get("tail"), whole)]


def _budget(payload: _Payload, _: bool) -> list[Part]:
    return [span("budget", "yellow"), f" {budget_sentence(payload)}"]


def _guidance(payload: _Payload, whole: bool) -> list[Part]:
    return [span("guidance", "blue"), _facts(payload, "by", "status"), " ", _brief(payload.get("text"), whole)]


_RENDERERS: Final[dict[str, Callable[[_Payload, bool], list[Part]]]] = {
    "session_created": _created,
    "budget_changed": _budget,
    "message": _message,
    "pre_tool": _pre_tool,
    "post_tool": _post_tool,
    "result": _result,
    "run_start": _run_start,
    "run_completed": _run_completed,
    "run_queued": _run_queued,
    "run_claimed": _run_claimed,
    "session_bound": _bound,
    "stop_requested": _stop_requested,
    **{name: _callback(name) for name in CALLBACKS},
    "usage": _usage,
    "approval_requested": _approval_requested,
    "approval_decided": _approval_decided,
    "note": _note,
    "output": _output,
    "lifecycle_changed": _lifecycle,
    "check_started": _check_started,
    "check_completed": _check,
    "guidance": _guidance,
}


def _facts(payload: _Payload, *names: str) -> str:
    found = [f"{name} {payload[name]}" for name in names if payload.get(name) is not None]
    return f" ({', '.join(found)})" if found else ""


def _brief(value: Any, whole: bool) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode() if value is not None else ""
    return text if whole else fit(one_line(text), INPUT_CELLS)
