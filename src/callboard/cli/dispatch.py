"""Runs one command line and turns every way it can end into an exit code and a sentence."""

import traceback
from difflib import get_close_matches
from itertools import takewhile
from typing import Final

from cyclopts import CycloptsError, UnusedCliTokensError

from callboard.cli.app import build_app
from callboard.cli.commands import COMMANDS, NOUNS
from callboard.cli.context import STDIN
from callboard.cli.exit_codes import (
    FAILED,
    INTERRUPTED,
    TIMED_OUT,
    USAGE,
    WAITS_FOR_INPUT,
    WaitedTooLong,
    WaitsForInput,
)
from callboard.cli.failure import report_error, report_usage
from callboard.cli.output import Output, Unprinted, span
from callboard.domain.errors import CallboardError

FLAGS: Final = frozenset({"--debug", "--json", "--quiet", "-q"})
"""What every command that shows something takes, without a value."""


def run_command(given: list[str]) -> int:
    """The exit code of a command line. Lets BrokenPipeError through: nobody reads any more."""
    given = with_flags_behind(given)
    words = given[: given.index("--")] if "--" in given else given
    given = with_stdin_named(given)
    app = build_app(whole=_lists_commands(words))
    app.suppress_keyboard_interrupt = False
    try:
        result = app(given, exit_on_error=False, print_error=False)
        return result if isinstance(result, int) else 0
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the top of the command: whoever typed it gets a sentence
        if "--debug" in words:
            traceback.print_exc()
        return _report(Output(json="--json" in words), error)


def _lists_commands(words: list[str]) -> bool:
    """Whether the answer will be a list of commands with a word on each."""
    nouns = [noun.words for noun in NOUNS]
    return not words or {"--help", "-h"} & set(words) != set() or words in ([noun] for noun in nouns)


def with_flags_behind(given: list[str]) -> list[str]:
    """The words with the flags that stand before the command put behind its own, where the parser looks for them."""
    leading = list(takewhile(FLAGS.__contains__, given))
    rest = given[len(leading) :]
    if not rest or rest[0].startswith("-"):
        return given
    end = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:end], *leading, *rest[end:]]


def with_stdin_named(given: list[str]) -> list[str]:
    """The words with a lone `-` replaced by STDIN, because the parser would take it for an unfinished option."""
    return [STDIN if word == "-" else word for word in given]


def _report(output: Output, error: Exception) -> int:
    if isinstance(error, CallboardError):
        return report_error(output, error)
    if isinstance(error, CycloptsError):
        report_usage(output, _unknown_verb(error) or " ".join(str(error).split()), f"{_words(error)} --help")
        return USAGE
    if isinstance(error, WaitedTooLong):
        output.warn(f"{error} Wait on: callboard wait {error.run.run_id}")
        return TIMED_OUT
    if isinstance(error, WaitsForInput):
        look = {"approval": "why", "question": "why", "budget": "budget"}.get(error.waiting_for, "logs")
        output.warn(f"{error} Look: callboard {look} {error.session_id}")
        return WAITS_FOR_INPUT
    if isinstance(error, Unprinted):
        report_usage(
            output,
            str(error),
            "Nothing was undone: callboard ps",
            code="unprinted",
            exit_code=FAILED,
        )
        return FAILED
    output.warn(span("error: ", "red", "bold"), f"A defect of Callboard: {type(error).__name__}: {error}")
    output.warn("next:  the same with --debug shows where; please report it.")
    return FAILED


def _unknown_verb(error: CycloptsError) -> str:
    """The sentence for a misspelt verb of a noun that is a command itself; the parser says only that it is unused."""
    if not isinstance(error, UnusedCliTokensError) or not error.unused_tokens:
        return ""
    noun = " ".join(error.command_chain or ())
    verbs = [one.words.removeprefix(f"{noun} ") for one in COMMANDS if one.words.startswith(f"{noun} ")]
    near = get_close_matches(error.unused_tokens[0], verbs, n=1)
    return f'Unknown command "{error.unused_tokens[0]}". Did you mean "{near[0]}"?' if near else ""


def _words(error: CycloptsError) -> str:
    return " ".join(["callboard", *(error.command_chain or ())])
