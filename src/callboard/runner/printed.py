"""What an agent's process writes to stderr, as events of its session: line by line, and as much as a log has room for.

Depends on the journal alone, so that reading it again gives the same. Knows no executor, and not what a line means.
"""

from typing import Final

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
        """The event of a record of the journal; none for what was printed elsewhere, for empty lines and the rest."""
        if record.channel != "e" or self._lines > MAX_LINES or not record.text.strip():
            return []
        text = cut(record.text, MAX_LINE_CHARACTERS)
        self._lines += 1
        self._characters += len(text)
        if self._lines > MAX_LINES or self._characters > MAX_CHARACTERS:
            self._lines = MAX_LINES + 1
            text = _FULL
        return [Emit(OUTPUT, fit({"stream": "stderr", "text": text}))]
