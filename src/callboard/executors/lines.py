"""The lines of JSON in which an agent of ours, or any command that likes to, says what happens: one event a line.

{"type": "message", "text": …, "message_key"?: …}      {"type": "note", "text": …}
{"type": "delta", "message_key": …, "offset": …, "text": …}
{"type": "pre_tool", "tool_use_id": …, "tool_name": …, "tool_input"?: …, "parent_tool_use_id"?: …}
{"type": "post_tool", "tool_use_id": …, "tool_output"?: …, "is_error"?: …}
{"type": "usage", "model": …, "message_id": …, "input_tokens"?: …, …, "cost_microdollars"?: …}
{"type": "result", "result_text" | "result_data": …}
"""

from typing import Any, Final

import msgspec

from callboard.domain.event import MESSAGE, NOTE, RESULT
from callboard.domain.invocation import Action, Delta, Emit, Usage
from callboard.domain.usage import UsageRow
from callboard.executors.payload import cut, fit, read_object
from callboard.executors.tools import ToolCalls

MAX_NOTES: Final = 20
NOTE_CHARACTERS: Final = 500
MESSAGE_INPUT: Final = "message."
"""Before the id of a message in the id of the input that says it."""


class _Message(msgspec.Struct, tag="message"):
    text: str
    message_key: str | None = None


class _Note(msgspec.Struct, tag="note"):
    text: str


class _Delta(msgspec.Struct, tag="delta"):
    message_key: str
    offset: int
    text: str


class _PreTool(msgspec.Struct, tag="pre_tool"):
    tool_use_id: str
    tool_name: str
    tool_input: Any = None
    parent_tool_use_id: str | None = None


class _PostTool(msgspec.Struct, tag="post_tool"):
    tool_use_id: str
    tool_output: Any = None
    is_error: bool = False


class _Usage(UsageRow, frozen=True, kw_only=True, tag="usage"):
    pass


class _Result(msgspec.Struct, tag="result"):
    result_text: str | None = None
    result_data: Any = None


_Line = _Message | _Note | _Delta | _PreTool | _PostTool | _Usage | _Result


class Unreadable:
    """Shows lines in no language that we know, as long as there are not too many."""

    def __init__(self) -> None:
        self._count = 0

    def show(self, text: str) -> list[Action]:
        """A line as a note."""
        self._count += 1
        return [note(f"Unreadable output: {cut(text, NOTE_CHARACTERS)}")] if self._count <= MAX_NOTES else []


class EventLines:
    """Reads the event lines of one launch, and remembers what the outcome needs: the result, the last words."""

    def __init__(self) -> None:
        self.tools = ToolCalls()
        self.result_text: str | None = None
        self.result_data: Any = None
        self.has_result = False
        self.last_text: str | None = None
        self._messages = 0

    def read(self, line: dict[str, Any], t_ms: int) -> list[Action] | None:
        """What one line asks for; None when it is not in this language."""
        try:
            event: _Line = msgspec.convert(line, _Line)
        except msgspec.ValidationError:
            return None
        actions: list[Action] = []
        match event:
            case _Message():
                actions.append(self.message(event.text, event.message_key))
            case _Note():
                actions.append(note(event.text))
            case _Delta():
                actions.append(Delta(event.message_key, event.offset, event.text))
            case _PreTool():
                parent = event.parent_tool_use_id
                actions += self.tools.begin(event.tool_use_id, event.tool_name, event.tool_input, t_ms, parent)
            case _PostTool():
                actions += self.tools.end(event.tool_use_id, event.tool_output, t_ms, is_error=event.is_error)
            case _Usage():
                actions.append(Usage([msgspec.convert(msgspec.structs.asdict(event), UsageRow)]))
            case _Result():
                self.has_result = True
                self.result_text, self.result_data = event.result_text, event.result_data
        return actions

    def message(self, text: str, key: str | None = None) -> Emit:
        """What the agent says."""
        self.last_text = text
        self._messages += 1
        return said("assistant", text, key or f"line.{self._messages}")

    def result(self) -> Emit:
        """The result as an event: what the agent gave as such, else the last thing that it said."""
        if self.result_data is not None:
            return Emit(RESULT, fit({"result_data": self.result_data}))
        return Emit(RESULT, fit({"result_text": self.text}))

    @property
    def text(self) -> str | None:
        """The result as text; None when it is data."""
        if self.result_data is not None:
            return None
        return (self.result_text if self.has_result else self.last_text) or ""


def said(role: str, text: str, key: str) -> Emit:
    """A message of one block of text."""
    return Emit(MESSAGE, fit({"role": role, "content": [{"type": "text", "text": text}], "message_key": key}))


def taken(text: str, key: str, input_id: str) -> Emit:
    """What the agent was told and has taken; a message from outside is named by its id."""
    _, is_message, message_id = input_id.partition(MESSAGE_INPUT)
    emit = said("user", text, key)
    return Emit(MESSAGE, emit.payload | {"message_id": message_id}) if is_message else emit


def note(text: str) -> Emit:
    """Something that people should see, and that nobody said."""
    return Emit(NOTE, fit({"text": text}))


def read_line(text: str) -> dict[str, Any] | None:
    """The object that a line of output is, if it looks like one of this language at all."""
    line = read_object(text) if text.startswith("{") else None
    return line if line and isinstance(line.get("type"), str) else None
