"""`doctor` finds what is wrong and changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from callboard.cli.dispatch import run_command
from callboard.coordinator.services.places import refusal_of
from callboard.store import file_system
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


@pytest.mark.parametrize(
    ("version", "says"), [("3.40.1", "can corrupt its write-ahead log"), ("3.51.3", "")], ids=["old", "fixed"]
)
def test_r12_an_old_sqlite_library_is_refused_with_a_sentence(tmp_path: Path, version: str, says: str) -> None:
    """R12: what a coordinator would refuse is told before it is started."""
    refused = refusal_of(tmp_path / "callboard.db", version)
    assert (refused.detail if refused else "") == (
        f"SQLite {version} {says}; 3.51.3 or newer is needed." if says else ""
    )


def test_r12_a_network_file_system_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """R12: doctor says that the data directory may not be where it is."""
    monkeypatch.setattr(file_system, "_mounts", lambda: [("/", "ext4"), (str(tmp_path), "nfs4")])
    monkeypatch.setenv("CALLBOARD_URL", "http://127.0.0.1:1")
    assert run_command(["doctor", "--data-dir", str(tmp_path), "--json"]) == 1
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert found["place"]["verdict"] == "wrong"
    assert "network file system (nfs4)" in found["place"]["sentence"]
    assert "local disk" in found["place"]["next_step"]
