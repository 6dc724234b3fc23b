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
SAME_OF_RUN = (
    "--agent a --executor scripted --project-dir d --parent 7f3kx9 --mode async_poll --context fresh "
    "--tag a --tag b --wait --json"
)
OF_RUNNER = (
    "--url http://127.0.0.1:1 --token-file f --project-dir d --root a --root b --executor scripted --executor command "
    "--tag a --tag b --slots 2 --name n"
)
FIXED_FORMS = (
    "serve --host 127.0.0.1 --port 8765 --data-dir d --database sqlite",
    f"runner {OF_RUNNER}",
    "up --port 1 --data-dir d --project-dir d --no-browser",
    f"run hello {SAME_OF_RUN}",
    f"resume 7f3kx9 hello {SAME_OF_RUN}",
)
"""As the specification writes them: what others have built on us says exactly this."""
FIRST = {
    "serve",
    "runner",
    "up",
    "demo",
    "run",
    "resume",
    "retry",
    "ps",
    "logs",
    "wait",
    "stop",
    "why",
    "tree",
    "doctor",
}
OF_NOUNS = {
    "session": {"show", "list", "import", "archive"},
    "runner": {"list", "show", "drain", "remove"},
    "token": {"create", "list", "revoke"},
    "config": {"show"},
}


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


@pytest.mark.parametrize("form", FIXED_FORMS, ids=lambda form: form.split()[0])
def test_every_fixed_form_is_understood(form: str, app: App) -> None:
    """A82: the forms that tests from outside rely on."""
    app.parse_args(with_stdin_named(form.split()), exit_on_error=False, print_error=False)


def test_the_first_commands_are_all_there() -> None:
    """A82: none is lost or called otherwise."""
    wanted = FIRST | {f"{noun} {verb}" for noun, verbs in OF_NOUNS.items() for verb in verbs}
    assert wanted - set(WORDS) == set()


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
