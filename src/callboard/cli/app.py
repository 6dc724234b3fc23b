"""Builds the command line from the table of commands; a command's module is imported when it is used."""

from collections.abc import Callable
from typing import Final

from cyclopts import App, Group, Parameter

from callboard import __version__
from callboard.cli.command import DAILY, LOOK_AFTER, START, WORK, Command
from callboard.cli.commands import COMMANDS, NOUNS

SUMMARY: Final = (
    "Callboard starts coding agents on your machines and keeps one identity for each session, "
    "through every restart, resume and hand-over."
)
GROUPS: Final = {name: Group(name, sort_key=index) for index, name in enumerate((DAILY, WORK, START, LOOK_AFTER))}
PARAMETERS: Final = Parameter(negative=(), show_default=False)


def build_app(*, whole: bool = False) -> App:
    """The command line; `whole` imports every command at once, for what has to say something about all of them."""
    app = App(
        name="callboard",
        help=SUMMARY,
        version=__version__,
        help_format="plaintext",
        help_epilogue="Each command explains itself: callboard COMMAND --help",
        default_parameter=PARAMETERS,
        result_action="return_value",
    )
    for command in COMMANDS:
        if " " not in command.words:
            _add(app, command, command.words)
    for noun in NOUNS:
        app.command(noun_app(noun.words, noun.summary))
        app[noun.words].group = GROUPS[LOOK_AFTER]
    if whole:
        _import_all(app)
    return app


def noun_app(noun: str, summary: str | None = None, default: Callable[..., int] | None = None) -> App:
    """A word with the commands that follow it; `default` is what the word alone does."""
    app = App(name=noun, help=summary, help_format="plaintext", default_parameter=PARAMETERS)
    for command in COMMANDS:
        if command.words == noun:
            app.help_epilogue = examples_of(command)
        if command.words.startswith(noun + " "):
            _add(app, command, command.words.removeprefix(noun + " "))
    if default is not None:
        app.default(default)
    return app


def examples_of(command: Command) -> str:
    """The end of a command's help."""
    return "Examples:\n" + "\n".join(f"  {example}" for example in command.examples)


def _add(app: App, command: Command, name: str) -> None:
    group = GROUPS.get(command.group)
    if command.target.endswith(":app"):
        app.command(command.target, name=name, group=group, sort_key=_place(command))
    else:
        app.command(
            command.target, name=name, group=group, sort_key=_place(command), help_epilogue=examples_of(command)
        )


def _place(command: Command) -> int:
    return COMMANDS.index(command)


def _import_all(app: App) -> None:
    for name in app:
        if not name.startswith("-"):
            _import_all(app[name])
