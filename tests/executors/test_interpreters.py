"""Which tables of a `command` would run the prompt as a script."""

import pytest

from callboard.executors.interpreters import executes_prompt


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
    ],
)
def test_a57_an_interpreter_that_gets_the_prompt_as_its_script_is_known(argv: str, prompt: str) -> None:
    """A57."""
    assert executes_prompt({"argv": argv.split(), "prompt": prompt})


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
    ],
)
def test_a_program_that_gets_the_prompt_as_data_is_none(argv: str, prompt: str) -> None:
    """50: a configured program gets the prompt as data."""
    assert not executes_prompt({"argv": argv.split(), "prompt": prompt})
