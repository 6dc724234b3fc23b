"""Where things are printed: data on stdout; progress, hints and errors on stderr. Decides on colour and on cutting."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TextIO

import msgspec

from callboard.cli.text import clean, clean_json, fit, one_line, width

Color = Literal["auto", "always", "never"]
Style = Literal["bold", "dim", "red", "green", "yellow", "blue", "cyan", "magenta"]
_CODES: Final[dict[str, str]] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}
_MIN_CELLS: Final = 12


class Span(NamedTuple):
    """A piece of a line in one style."""

    text: str
    styles: tuple[Style, ...]


Part = str | Span


def span(text: str, *styles: Style) -> Span:
    """A piece of a line in these styles, where the stream takes colours."""
    return Span(text, styles)


class Output:
    """The two streams of one command. Text of agents is cleaned here unless `raw`; callers give it as it came."""

    def __init__(
        self,
        *,
        json: bool = False,
        quiet: bool = False,
        color: Color = "auto",
        raw: bool = False,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.json_wanted = json
        self.quiet = quiet
        self._raw = raw
        self._color = color
        self._environment = environment

    @property
    def on_terminal(self) -> bool:
        """Whether a person reads stdout."""
        return sys.stdout.isatty()

    def line(self, *parts: Part) -> None:
        """One line, or several, of data."""
        self._write(sys.stdout, parts)

    def note(self, *parts: Part) -> None:
        """Progress or a hint; left out when quiet or when the reader is a program."""
        if not self.quiet and not self.json_wanted:
            self._write(sys.stderr, parts)

    def warn(self, *parts: Part) -> None:
        """What must be seen in any case."""
        self._write(sys.stderr, parts)

    def piece(self, text: str) -> None:
        """Data without a line end, at once."""
        _put(sys.stdout, self._safe(text))

    def value(self, value: Any, *, lines: bool = False) -> None:
        """A value as JSON with the API's field names; indented for people unless it is one of many `lines`."""
        encoded = msgspec.json.encode(value)
        if self.on_terminal and not lines:
            encoded = msgspec.json.format(encoded, indent=2)
        _put(sys.stdout, clean_json(encoded.decode("utf-8", "replace")) + "\n")

    def listing(
        self, value: Any, columns: Sequence[str], rows: Sequence[Sequence[Part]], *, flexible: int | None = None
    ) -> None:
        """A list: whole for programs, the first column alone when quiet, else a table."""
        if self.json_wanted:
            self.value(value)
        elif self.quiet:
            for row in rows:
                self.line(row[0])
        else:
            self.table(columns, rows, flexible=flexible)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Part]], *, flexible: int | None = None) -> None:
        """Aligned columns. A person gets no empty ones, and the `flexible` one cut so that a row is one line."""
        cells = [[span(name, "dim") for name in columns], *([_cell(part) for part in row] for row in rows)]
        widths = [max(width(one.text) for one in column) for column in zip(*cells, strict=True)]
        if self.on_terminal:
            widths = [_used(widths[place], [row[place] for row in cells[1:]]) for place in range(len(columns))]
            if flexible is not None:
                widths[flexible] = _room(widths, flexible)
        for row in cells:
            self.line(*_row(row, widths))

    def _write(self, stream: TextIO, parts: Sequence[Part]) -> None:
        painted = _wants_color(stream, self._color, self._environment)
        _put(stream, "".join(self._shown(part, painted) for part in parts) + "\n")

    def _shown(self, part: Part, painted: bool) -> str:
        text, styles = (part.text, part.styles) if isinstance(part, Span) else (part, ())
        codes = ";".join(_CODES[style] for style in styles)
        return f"\x1b[{codes}m{self._safe(text)}\x1b[0m" if codes and painted else self._safe(text)

    def _safe(self, text: str) -> str:
        return text if self._raw else clean(text)


class Unprinted(Exception):
    """What was to be printed could not be; what the command did stands."""


def _put(stream: TextIO, text: str) -> None:
    """Write at once. Unprinted when there is no room for it; BrokenPipeError when nobody reads the data.

    Where nobody reads progress and hints any more, the work goes on without, and the exit code is its own.
    """
    try:
        stream.write(text)
        stream.flush()
    except OSError as problem:
        nobody_reads = isinstance(problem, BrokenPipeError)
        if nobody_reads and stream is not sys.stderr:
            raise
        # What is still buffered must not fail again at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if nobody_reads:
            return
        raise Unprinted(f"The output could not be written: {problem.strerror}.") from problem


def terminal_cells() -> int:
    """How wide the terminal is."""
    return shutil.get_terminal_size((100, 24)).columns


def _cell(part: Part) -> Span:
    return Span(one_line(part.text), part.styles) if isinstance(part, Span) else Span(one_line(part), ())


def _used(cells: int, column: Sequence[Span]) -> int:
    return cells if any(one.text for one in column) else 0


def _room(widths: Sequence[int], flexible: int) -> int:
    others = sum(cells + 2 for cells in widths if cells) - widths[flexible] - 2
    return max(_MIN_CELLS, min(widths[flexible], terminal_cells() - others))


def _row(cells: Sequence[Span], widths: Sequence[int]) -> list[Part]:
    last = max((index for index, cell in enumerate(cells) if cell.text and widths[index]), default=0)
    parts: list[Part] = []
    for index, (cell, room) in enumerate(zip(cells, widths, strict=True)):
        if not room:
            continue
        fitted = fit(cell.text, room)
        parts.append(Span(fitted, cell.styles))
        if index < last:
            parts.append(" " * (room - width(fitted) + 2))
    return parts


def _wants_color(stream: TextIO, color: Color, environment: Mapping[str, str]) -> bool:
    if color != "auto":
        return color == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environment.get("TERM") != "dumb"
