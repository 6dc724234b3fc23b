"""What an agent's process writes to stderr, line by line, and what its keeper did to it, as events of its session.

Depends on the journal alone, so that reading it again gives the same. Knows no executor, and not what a line means.
"""

from typing import Any, Final

from callboard.domain.event import OUTPUT
from callboard.domain.invocation import Emit
from callboard.executors.journal import Record
from callboard.executors.payload import cut, fit

MAX_LINES: Final = 2_000
MAX_CHARACTERS: Final = 256 * 1024
MAX_LINE_CHARACTERS: Final = 4_000
_FULL: Final = "…more was printed to stderr, which is not kept; of a run that fails, its end is in the error."


class Printed:
    """What one launch printed until now; of more than MAX_LINES or MAX_CHARACTERS the beginning is kept."""

    def __init__(self) -> None:
        self._lines = 0
        self._characters = 0

    def take(self, record: Record) -> list[Emit]:
        """The event of a record of the journal; none for an empty line and for what is told in another way."""
        if record.channel == "k":
            told = _told(record.fact)
            return [_output("runner", told)] if told else []
        if record.channel != "e" or self._lines > MAX_LINES or not record.text.strip():
            return []
        return [_output("stderr", self._kept(cut(record.text, MAX_LINE_CHARACTERS)))]

    def _kept(self, text: str) -> str:
        self._lines += 1
        self._characters += len(text)
        if self._lines > MAX_LINES or self._characters > MAX_CHARACTERS:
            self._lines = MAX_LINES + 1
            return _FULL
        return text


def _output(stream: str, text: str) -> Emit:
    return Emit(OUTPUT, fit({"stream": stream, "text": text}))


def _told(fact: dict[str, Any]) -> str:
    """What the keeper did besides starting the agent and waiting for its end."""
    match fact.get("fact"):
        case "interrupt":
            return "the agent was interrupted, in its own way"
        case "signal":
            return f"{fact.get('signal')} was sent to the agent"
        case "overdue":
            return "the agent was done and did not exit; it is ended"
        case "gone" if fact.get("killed") or fact.get("left"):
            left = f", {fact['left']} could not be" if fact.get("left") else ""
            return f"processes that it had left behind: {fact.get('killed')} were ended{left}"
    return ""
