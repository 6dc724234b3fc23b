"""`help TOPIC`: what is not about one command."""

from collections.abc import Callable
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.exit_codes import MEANINGS
from callboard.cli.options import NO_SHOW, Show
from callboard.cli.settings import SETTINGS

Topic = Literal["exit-codes", "references", "environment", "script"]


def topic(name: Annotated[Topic | None, Parameter(help="What about.")] = None, /, *, show: Show = NO_SHOW) -> int:
    """Help on what is not about one command; without a topic the list of commands."""
    if name is None:
        # Imported here because the app is made from the table that leads to this module.
        from callboard.cli.app import build_app  # noqa: PLC0415

        build_app(whole=True).help_print([])
        return 0
    context = Context(show)
    facts = _TOPICS[name]()
    if context.output.json_wanted:
        context.output.value(facts)
        return 0
    cells = max(len(key) for key in facts)
    for key, sentence in facts.items():
        context.output.line(f"{key:<{cells}}  {sentence}")
    return 0


def _exit_codes() -> dict[str, str]:
    return {str(code): sentence for code, sentence in MEANINGS.items()}


def _references() -> dict[str, str]:
    return {
        "ses_…": "a session by its id",
        "7f3kx9": "a session by at least the last 6 characters of its id, with a letter among them",
        "42": "digits only: the active work session on issue 42 of the project, else the latest",
        "run_…": "a run by its id; where a run is meant, a session means its latest run",
        "--project": "which project a number is looked up in",
    }


def _environment() -> dict[str, str]:
    variables = {setting.environment: setting.help for setting in SETTINGS}
    return variables | {
        "CALLBOARD_TOKEN": "The token itself; a file is better.",
        "NO_COLOR": "No colour.",
        "FORCE_COLOR": "Colour also where no terminal is.",
    }


def _script() -> dict[str, str]:
    return {
        "say TEXT": "the scripted executor says it; its prompt is the script, one command a line",
        "recall": "says all earlier prompts of the conversation",
        "tool NAME JSON": "a tool call",
        "write PATH TEXT, append PATH TEXT, run COMMAND": "does it in the working directory",
        "sleep SECONDS, stream N SECONDS, emit N BYTES": "waits; writes in N pieces; N messages of that size",
        "usage MODEL INPUT OUTPUT MICRODOLLARS": "figures of usage",
        "result TEXT, data JSON": "the run's result",
        "ask NAME JSON": "asks for permission, and says what was decided",
        "child MODE AGENT SCRIPT": "starts a child; AGENT may be -, and ;; stands between the lines of its script",
        "wait last, wait all": "waits for the child, or for all children",
        "mcp TOOL JSON": "calls one of Callboard's own tools",
        "daemon SECONDS, hold-stdout SECONDS": "leaves a process behind, detached or holding the output",
        "garbage": "writes what is no message",
        "fail MESSAGE, exit N, crash, hang, ignore-term": "misbehaves in that way",
        "fail-first N MESSAGE": "fails on the first N runs of the conversation",
    }


_TOPICS: Final[dict[Topic, Callable[[], dict[str, str]]]] = {
    "exit-codes": _exit_codes,
    "references": _references,
    "environment": _environment,
    "script": _script,
}
