"""`doctor` finds what is wrong and changes nothing."""

from typing import Any

import pytest

from tests.support.command import CommandLine
from tests.support.coordinator import Coordinator


def _findings(callboard: CommandLine, **variables: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = callboard("doctor", "--json", **variables)
    return done.code, {one["name"]: one for one in done.value["findings"]}


def test_all_is_well(callboard: CommandLine) -> None:
    code, found = _findings(callboard)
    assert code == 0
    assert {found[name]["verdict"] for name in ("callboard", "sqlite", "coordinator", "token", "runners")} == {"ok"}
    assert "scripted" in found["runners"]["sentence"]


def test_a_coordinator_that_is_not_there_is_wrong_and_the_next_step_is_named(nowhere: CommandLine) -> None:
    code, found = _findings(nowhere)
    assert (code, found["coordinator"]["verdict"]) == (1, "wrong")
    assert "callboard up" in found["coordinator"]["next_step"]


def test_a_token_that_others_can_read_is_wrong(callboard: CommandLine, coordinator: Coordinator) -> None:
    """S2: token files are private."""
    token = coordinator.data_dir / "token"
    token.chmod(0o644)
    try:
        code, found = _findings(callboard, CALLBOARD_DATA_DIR=str(coordinator.data_dir))
    finally:
        token.chmod(0o600)
    assert (code, found["data"]["verdict"]) == (1, "wrong")
    assert found["data"]["next_step"] == f"chmod go= {token}"


@pytest.mark.parametrize("words", ["nobody", ""])
def test_a_token_that_is_not_known_is_wrong(callboard: CommandLine, words: str) -> None:
    code, found = _findings(callboard, CALLBOARD_TOKEN=words or "x", CALLBOARD_TOKEN_FILE="")
    assert (code, found["token"]["verdict"]) == (1, "wrong")


def test_it_says_that_agents_run_as_the_person(callboard: CommandLine) -> None:
    """Under one user id the separation is hygiene, not a boundary; doctor says so."""
    _, found = _findings(callboard)
    assert "as your user" in found["boundary"]["sentence"]
