"""A82: completion in real shells, with live ids."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command import CommandLine
from tests.support.programs import scrubbed

SECONDS = 30.0


def _candidates(callboard: CommandLine, *words: str) -> list[str]:
    lines = callboard("__complete", *words).out.splitlines()
    return [line.partition("\t")[0] for line in lines[lines.index("\x1fbegin") + 1 :]]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shells_script_is_one_that_the_shell_reads(shell: str, callboard: CommandLine, tmp_path: Path) -> None:
    done = callboard("completion", shell)
    assert done.code == 0
    assert "callboard" in done.out
    script = tmp_path / f"script.{shell}"
    script.write_text(done.out)
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n", str(script)], check=True, timeout=SECONDS, env=scrubbed({}))


def test_references_are_completed_with_the_ids_that_are_there(callboard: CommandLine) -> None:
    session = callboard("run", "say x", "-q", "--wait").out.strip()
    assert session[-8:] in _candidates(callboard, "logs", "")
    assert session in _candidates(callboard, "wait", "ses_")


def test_options_are_completed_with_what_the_runners_offer(callboard: CommandLine) -> None:
    assert _candidates(callboard, "run", "x", "--executor", "") == ["scripted"]
    (runner,) = callboard("runner", "list", "-q").out.split()
    assert _candidates(callboard, "runner", "show", "") == [runner]


def test_without_a_coordinator_nothing_is_offered_and_nothing_breaks(nowhere: CommandLine) -> None:
    done = nowhere("__complete", "logs", "")
    assert (done.code, done.err) == (0, "")
    assert _candidates(nowhere, "logs", "") == []


def test_bash_completes_a_command_and_an_id(callboard: CommandLine, tmp_path: Path) -> None:
    session = callboard("run", "say x", "-q", "--wait").out.strip()
    (tmp_path / "script.bash").write_text(callboard("completion", "bash").out)
    ask = 'source script.bash; COMP_WORDS=({words}); COMP_CWORD={place}; _callboard; printf "%s\\n" "${{COMPREPLY[@]}}"'

    def complete(words: str, place: int) -> str:
        return subprocess.run(
            ["bash", "-c", ask.format(words=words, place=place)],
            cwd=tmp_path,
            env=scrubbed(callboard.environment),
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS,
        ).stdout

    assert "logs" in complete("callboard lo", 1).split()
    assert session[-8:] in complete('callboard logs ""', 2)
