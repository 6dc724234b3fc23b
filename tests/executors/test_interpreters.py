"""Which tables of a `command` would run the prompt, or a parameter, as a script."""

from pathlib import Path
from typing import Any

import pytest

from callboard.executors.command import parameter_in_script
from callboard.executors.interpreters import executes_prompt, interpreter_of_prompt


@pytest.mark.parametrize(
    "table",
    [
        {"argv": ["bash"]},
        {"argv": ["flock", "lock", "bash"]},
        {"argv": ["make", "-f", "-"]},
        {"argv": ["git", "-c", "alias.x=!bash", "x"]},
        {"argv": ["my-agent"]},
        {"argv": ["my-agent", "--print"], "prompt": "argument"},
        {"argv": ["tool", "${to}"], "prompt": "none"},
    ],
)
def test_a57_a_program_of_which_nothing_is_stated_gets_no_words_of_others(table: dict[str, Any]) -> None:
    """A57, S9: no list of what executes its input is complete."""
    assert executes_prompt(table)


def test_a_statement_or_no_prompt_at_all_lets_the_words_of_others_in() -> None:
    assert not executes_prompt({"argv": ["my-agent", "${to}"], "prompt_is_data": True})
    assert not executes_prompt({"argv": ["ruff", "check"], "prompt": "none"})


@pytest.mark.parametrize(
    ("argv", "prompt"),
    [
        ("sh -c", "argument"),
        ("/bin/bash -lc", "argument"),
        ("bash -o pipefail -c", "argument"),
        ("python3.12 -c", "argument"),
        ("node --eval", "argument"),
        ("env A=1 sh -c", "argument"),
        ("busybox sh -c", "argument"),
        ("timeout 5 bash -ec", "argument"),
        ("sh", "stdin"),
        ("bash -e -o pipefail", "stdin"),
        ("sh -s one", "stdin"),
        ("python3 -", "stdin"),
        ("sudo -u agent sh", "stdin"),
        ("docker exec -i box bash", "stdin"),
        ("ssh build my-agent", "argument"),
        ("ssh -p 22 build", "stdin"),
        ("ssh -p 22 build bash -s", "stdin"),
        ("su agent", "stdin"),
        ("rbash", "stdin"),
        ("env -Sbash -e", "stdin"),
        ("taskset -c 0 bash", "stdin"),
        ("unheard-of --flag dash", "stdin"),
        ("xargs -0 sh -c", "stdin"),
    ],
)
def test_a57_an_interpreter_that_gets_the_prompt_as_its_script_is_known(argv: str, prompt: str) -> None:
    """A57."""
    table = {"argv": argv.split(), "prompt": prompt, "prompt_is_data": True}
    assert interpreter_of_prompt(table) is not None
    assert executes_prompt(table)


def test_a57_another_name_of_an_interpreter_is_no_way_round(tmp_path: Path) -> None:
    """A57: links are followed."""
    (tmp_path / "reader").symlink_to("/bin/bash")
    assert interpreter_of_prompt({"argv": [str(tmp_path / "reader")]}) is not None
    assert parameter_in_script({"argv": [str(tmp_path / "reader"), "-c", "deploy ${to}"]}) is not None


@pytest.mark.parametrize(
    ("argv", "prompt"),
    [
        ("my-agent --print", "argument"),
        ("cat", "stdin"),
        ("sh work.sh", "stdin"),
        ("sh -c cat", "stdin"),
        ("sh -c cat name", "argument"),
        ("python3 -m agent", "stdin"),
        ("env A=1 agent", "argument"),
        ("sh -c", "none"),
        ("ssh -p 22 build my-agent", "stdin"),
        ("su -c my-agent agent", "stdin"),
        ("sudo -u agent my-agent", "stdin"),
    ],
)
def test_a_program_that_gets_the_prompt_as_data_is_none(argv: str, prompt: str) -> None:
    """50: a configured program gets the prompt as data."""
    assert interpreter_of_prompt({"argv": argv.split(), "prompt": prompt}) is None


@pytest.mark.parametrize(
    "argv",
    [
        ["sh", "-c", "deploy ${to}"],
        ["/bin/bash", "-o", "pipefail", "-c", "deploy ${to}", "sh"],
        ["bash", "-c", "-e", "deploy ${to}"],
        ["bash", "--rcfile", "x", "-c", "deploy ${to}"],
        ["sudo", "-u", "agent", "sh", "-c", "deploy ${to}"],
        ["python3", "-cprint('${to}')"],
        ["sh", "${to}"],
        ["perl", "-ne", "print", "${to}"],
        ["node", "--eval=${to}"],
        ["ssh", "build", "deploy", "${to}"],
        ["flock", "lock", "bash", "-c", "deploy ${to}"],
    ],
)
def test_a57_a_parameter_that_would_be_executed_is_known(argv: list[str]) -> None:
    """A57, S9: whoever starts a run chooses its parameters."""
    assert parameter_in_script({"argv": argv}) is not None


@pytest.mark.parametrize(
    "argv",
    [
        ["sh", "-c", 'deploy "$1"', "sh", "${to}"],
        ["bash", "-e", "deploy.sh", "-e", "${to}"],
        ["perl", "-ne", "print", "--", "${to}"],
        ["python3", "-m", "tool", "${to}"],
        ["env", "TO=${to}", "tool", "-c", "${to}"],
        ["tool", "--to=${to}"],
    ],
)
def test_a_parameter_that_is_an_argument_of_the_script_is_data(argv: list[str]) -> None:
    assert parameter_in_script({"argv": argv}) is None
