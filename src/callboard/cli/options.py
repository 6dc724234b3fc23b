"""Options that many commands share, as the command line shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Group, Parameter, Token

from callboard.cli.output import Color

SHARED: Final = Group("Options of all commands", sort_key=100)
CONNECTION: Final = Group("Which coordinator", sort_key=90)


@Parameter(name="*", group=SHARED)
@dataclass(frozen=True, kw_only=True)
class Show:
    """How a command prints."""

    json: Annotated[bool, Parameter(help="Print JSON with the API's field names.")] = False
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], help="Print ids only, no hints.")] = False
    color: Annotated[Color | None, Parameter(help="Colour: auto, always or never.")] = None
    debug: Annotated[bool, Parameter(help="Show the traceback of an error.")] = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Where:
    """Which coordinator is asked, and with which token; a token itself is never an argument."""

    url: Annotated[str | None, Parameter(group=CONNECTION, help="Address of the coordinator.")] = None
    token_file: Annotated[Path | None, Parameter(group=CONNECTION, help="File that holds the token.")] = None
    data_dir: Annotated[Path | None, Parameter(group=CONNECTION, help="Data directory of a local coordinator.")] = None


NO_SHOW: Final = Show()
NO_WHERE: Final = Where()


def plain_number(word: str) -> str:
    """A number as lists print it, such as #42, without its sign; other words as they are."""
    return word[1:] if word.startswith("#") and word[1:].isdecimal() else word


def number(_: type, tokens: Sequence[Token]) -> int:
    """What is typed for a number, from 1 on. ValueError for other words."""
    word = tokens[0].value
    plain = plain_number(word)
    if not plain.isascii() or not plain.isdecimal() or not 0 < int(plain[:20]) < 10**15:
        raise ValueError(f"{word[:80]}: no number here; write one as lists show it, such as 3 or #3.")
    return int(plain)
