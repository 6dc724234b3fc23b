"""Runs one command line and turns every way it can end into an exit code and a sentence."""

import traceback

from cyclopts import CycloptsError

from callboard.cli.app import build_app
from callboard.cli.commands import NOUNS
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
from callboard.cli.output import Output, span
from callboard.domain.errors import CallboardError


def run_command(given: list[str]) -> int:
    """The exit code of a command line. Lets BrokenPipeError through: nobody reads any more."""
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


def with_stdin_named(given: list[str]) -> list[str]:
    """The words with a lone `-` replaced by STDIN, because the parser would take it for an unfinished option."""
    return [STDIN if word == "-" else word for word in given]


def _report(output: Output, error: Exception) -> int:
    if isinstance(error, CallboardError):
        return report_error(output, error)
    if isinstance(error, CycloptsError):
        report_usage(output, " ".join(str(error).split()), f"{_words(error)} --help")
        return USAGE
    if isinstance(error, WaitedTooLong):
        output.warn(f"{error} Wait on: callboard wait {error.run.run_id}")
        return TIMED_OUT
    if isinstance(error, WaitsForInput):
        output.warn(f"{error} Look: callboard logs {error.session_id}")
        return WAITS_FOR_INPUT
    output.warn(span("error: ", "red", "bold"), f"A defect of Callboard: {type(error).__name__}: {error}")
    output.warn("next:  the same with --debug shows where; please report it.")
    return FAILED


def _words(error: CycloptsError) -> str:
    return " ".join(["callboard", *(error.command_chain or ())])
