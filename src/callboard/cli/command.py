"""What a command is, as data, and the groups in which commands are shown."""

from typing import Final, NamedTuple

DAILY: Final = "Every day"
START: Final = "Start and serve"
WORK: Final = "Work on issues"
LOOK_AFTER: Final = "Look after"


class Command(NamedTuple):
    """A command: the words that are typed, and its function as module:name."""

    words: str
    target: str
    group: str
    examples: tuple[str, str]


class Noun(NamedTuple):
    """A word that only stands before others."""

    words: str
    summary: str
