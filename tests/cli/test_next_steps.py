"""A83: somebody who is stuck is told the next step by the command that they typed."""

import socket
from pathlib import Path

import pytest

from tests.support.command import CommandLine
from tests.support.repository import Repository
from tests.support.world import World


@pytest.mark.parametrize("words", [("why", "run_zzz"), ("wait", "run_01h2xcejqtf2nbrexx3vqj"), ("logs", "run_zzz")])
def test_a_run_has_no_short_form_and_that_is_said(words: tuple[str, ...], callboard: CommandLine) -> None:
    done = callboard(*words)
    assert (done.code, done.out) == (2, "")
    assert "not the whole id of a run" in done.err
    assert "callboard session show" in done.err


@pytest.mark.parametrize(
    "verb", ["stop", "wait", "why", "logs", "tree", "session delete --yes", "runner drain", "retry"]
)
def test_an_empty_reference_means_nothing(verb: str, callboard: CommandLine) -> None:
    """What a script forgot to fill in must not stop, delete or drain whatever comes first."""
    callboard("run", "say here", "--executor", "scripted", "-q")
    done = callboard(*verb.split(), "")
    assert (done.code, done.out) == (2, "")
    assert "is empty" in done.err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("lgos", "x"), '"logs"'),
        (("session", "shwo", "x"), '"show"'),
        (("runner", "lst"), '"list"'),
        (("ps", "--jsn"), "--json"),
        (("run", "x", "--executr", "y"), "--executor"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_one_that_is_meant(
    words: tuple[str, ...], meant: str, callboard: CommandLine
) -> None:
    done = callboard(*words)
    assert done.code == 2
    assert f"Did you mean {meant}?" in done.err


def test_s12_a_repository_that_brings_settings_for_a_client_is_to_be_trusted(
    callboard: CommandLine, tmp_path: Path
) -> None:
    """S12: said where the project is added, and no longer once a person has looked."""
    repository = Repository(tmp_path / "brings")
    (repository.path / ".claude").mkdir()
    (repository.path / ".claude" / "settings.json").write_text('{"hooks": {}}', encoding="utf-8")
    own = {"CALLBOARD_DATA_DIR": str(tmp_path / "data")}
    step = f"callboard trust {repository.path}"
    (repository.path / ".callboard").mkdir()
    (repository.path / ".callboard" / "config.toml").write_text('[checks.own]\nargv = ["true"]\n', encoding="utf-8")
    told = callboard("project", "add", str(repository.path), **own).err
    assert told.count(step) == 2
    assert "its checks (own)" in told
    assert callboard("trust", str(repository.path), **own).code == 0
    assert step not in callboard("project", "add", str(repository.path), **own).err
    here = ("--project", repository.path.name)
    assert callboard("task", "new", "Mine", *here).code == 0
    moving = ("project", "add", str(repository.path), "--tracker", "github")
    refused = callboard(*moving, **own)
    assert (refused.code, "--replace-issues" in refused.err) == (8, True), refused.err
    moved = callboard(*moving, "--replace-issues", **own).err
    assert "are now those of github instead of local" in moved


def test_flags_of_all_commands_may_stand_before_the_command(callboard: CommandLine, nowhere: CommandLine) -> None:
    assert "items" in callboard("--json", "ps").value
    quiet = callboard("-q", "run", "say x")
    assert quiet.out.startswith("ses_")
    assert quiet.err == ""
    assert "Traceback" in nowhere("--debug", "ps").err
    assert callboard("--debug").code == 2


def test_ps_shows_the_host_of_what_has_no_conversation(tmp_path: Path) -> None:
    """A command is never bound: its host is that of its latest attempt."""
    with World(tmp_path) as world:
        coordinator = world.coordinator()
        world.runner(coordinator, executors=("command",), allow_shell=True)
        callboard = world.command_line(coordinator)
        assert callboard("run", "echo hello", "--executor", "command", "--wait").code == 0
        assert callboard("run", "echo hello", "--executor", "command", "--tag", "nobody-has-it").code == 0
        waiting, done = callboard("ps", "--json").value["items"]
        assert (waiting["hostname"], done["hostname"], done["binding"]) == (None, socket.gethostname(), None)
        (row,) = (line for line in callboard("ps").out.splitlines() if done["session_id"] in line)
        assert socket.gethostname() in row


def test_who_waits_for_what_does_not_begin_is_told_why(callboard: CommandLine, tmp_path: Path) -> None:
    """60: `run` works in the directory that one stands in; where no runner may, one learns it within seconds."""
    elsewhere = CommandLine(tmp_path, callboard.environment)
    done = elsewhere("run", "say x", "--wait", "--wait-timeout", "8s")
    assert done.code == 7
    assert f"It waits. No registered runner may work in {tmp_path}." in done.err
    assert "more: callboard why run_" in done.err
    run_id = done.err.split("callboard why ")[1].split()[0]
    why = callboard("why", run_id)
    assert f"callboard runner --root {tmp_path} or run where one may" in why.out
    assert f"callboard run --project-dir {callboard.directory}" in why.out
    assert callboard("stop", run_id).code == 0
