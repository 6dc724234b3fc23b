"""What holds for every command: it explains itself with two examples that work, and speaks JSON."""

import importlib
import shlex
from typing import Any, get_type_hints

import pytest
from cyclopts import App

from callboard.cli.app import build_app
from callboard.cli.command import Command
from callboard.cli.commands import COMMANDS, NOUNS
from callboard.cli.dispatch import with_stdin_named
from callboard.cli.options import Show
from tests.support.command import CommandLine

WORDS = [command.words for command in COMMANDS]


@pytest.fixture(scope="module")
def app() -> App:
    return build_app(whole=True)


def _function(command: Command) -> Any:
    module, _, name = command.target.partition(":")
    target = getattr(importlib.import_module(module), name)
    return target.default_command if isinstance(target, App) else target


@pytest.mark.parametrize("command", COMMANDS, ids=WORDS)
def test_every_command_says_what_it_does(command: Command) -> None:
    assert (_function(command).__doc__ or "").strip()


@pytest.mark.parametrize("command", COMMANDS, ids=WORDS)
def test_every_command_prints_json_and_takes_the_shared_options(command: Command) -> None:
    """A82: --json on every command."""
    assert get_type_hints(_function(command))["show"] is Show


@pytest.mark.parametrize("command", COMMANDS, ids=WORDS)
def test_every_commands_help_ends_with_two_examples(
    command: Command, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    """A82: examples."""
    app.help_print(command.words.split())
    end = [line.strip() for line in capsys.readouterr().out.rstrip().splitlines()[-3:]]
    assert end == ["Examples:", *command.examples]


@pytest.mark.parametrize("example", [one for command in COMMANDS for one in command.examples])
def test_every_example_is_a_command_line_that_is_understood(example: str, app: App) -> None:
    program, *words = shlex.split(example.partition(" > ")[0])
    assert program == "callboard"
    app.parse_args(with_stdin_named(words), exit_on_error=False, print_error=False)


def test_a_noun_is_not_a_command_of_its_own_by_mistake() -> None:
    assert {noun.words for noun in NOUNS} & set(WORDS) == set()
    assert {words.split()[0] for words in WORDS if " " in words} == {noun.words for noun in NOUNS} | {"runner"}


@pytest.mark.parametrize("words", [("--help",), (), ("help",)], ids=["--help", "nothing", "help"])
def test_the_list_of_commands_says_what_each_is_for(words: tuple[str, ...], nowhere: CommandLine) -> None:
    done = nowhere(*words)
    assert done.code == 0
    for words_of in WORDS:
        if " " not in words_of:
            line = next(line for line in done.out.splitlines() if f" {words_of} " in line)
            assert len(line.replace("│", "").split()) > 2


def test_the_exit_codes_are_explained(nowhere: CommandLine) -> None:
    """A82: documented in `help exit-codes`."""
    done = nowhere("help", "exit-codes", "--json")
    assert sorted(map(int, done.value)) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]


def test_a_token_is_never_an_argument(app: App) -> None:
    """S13: what stands in an argument can be read by everybody on the machine."""
    for command in COMMANDS:
        arguments = app[command.words.split()[0]] if " " not in command.words else app
        for words in command.words.split()[1:]:
            arguments = app[command.words.split()[0]][words]
        names = {name for argument in arguments.assemble_argument_collection() for name in argument.names}
        assert names & {"--token", "--secret", "--password", "--credential"} == set()
