"""What the demonstration says, and the list of what it has shown to be true."""

import shlex
from collections.abc import Callable
from typing import Final, NoReturn

import msgspec

from callboard.cli.output import Output, Part, span
from callboard.client import clock

MARGIN: Final = "     "
MOST_LINES: Final = 14


class Claim(msgspec.Struct, kw_only=True):
    """Something that was said and checked."""

    step: str
    sentence: str
    true: bool


class ClaimFailed(Exception):
    """What was claimed is not so; the text is the truth."""


class Narrator:
    """Tells the story on stdout, one step after another."""

    def __init__(self, output: Output) -> None:
        self.claims: list[Claim] = []
        self._output = output
        self.steps = 0
        """How many there will be."""
        self._number = 0
        self._title = ""
        self._started = clock.monotonic_seconds()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return clock.monotonic_seconds() - self._started

    def begin(self, where: str) -> None:
        """The first line."""
        self._line(span("Callboard in a minute: ", "bold"), where)

    def step(self, title: str, why: str) -> None:
        """Begin a step: what it shows, and why that matters."""
        self._number += 1
        self._title = title
        self._line()
        self._line(span(f"{self._number}/{self.steps}  {title}", "bold", "cyan"))
        self._line(span(MARGIN + why, "dim"))

    def command(self, words: str) -> None:
        """A command that is run now."""
        self._line(MARGIN, span("$ ", "dim"), span(words, "bold"))

    def shown(self, text: str) -> None:
        """What a command printed, not too much of it."""
        lines = text.rstrip("\n").splitlines()
        for line in lines[:MOST_LINES]:
            self._line(MARGIN, line)
        if len(lines) > MOST_LINES:
            self._line(MARGIN, span(f"… {len(lines) - MOST_LINES} more lines", "dim"))

    def say(self, *parts: Part) -> None:
        """A line of the story."""
        self._line(MARGIN, *parts)

    def piece(self, text: str) -> None:
        """A piece of a line, at once."""
        if not self._output.json_wanted:
            self._output.piece(text)

    def bare(self, work: Callable[[], object]) -> None:
        """Let something print by itself, at the margin of the terminal."""
        if not self._output.json_wanted:
            work()

    def check(self, sentence: str, true: bool, truth: object = "") -> None:
        """Claim something and show that it is so; ClaimFailed, with the truth, when it is not."""
        self.claims.append(Claim(step=self._title, sentence=sentence, true=true))
        if not true:
            self._line(MARGIN, span("✗ ", "red", "bold"), sentence)
            raise ClaimFailed(f"{sentence} - this is not so: {truth}" if truth != "" else sentence)
        self._line(MARGIN, span("✓ ", "green", "bold"), sentence)

    def refuse(self, sentence: str) -> NoReturn:
        """Something that had to happen did not happen in time."""
        self.claims.append(Claim(step=self._title, sentence=sentence, true=False))
        raise ClaimFailed(sentence)

    def _line(self, *parts: Part) -> None:
        if not self._output.json_wanted:
            self._output.line(*parts)


def quoted(word: str) -> str:
    """A word as it is typed; a script in one line."""
    return shlex.quote(word.replace("\n", " ⏎ "))
