"""A80: the demonstration shows what it claims, within a minute, and leaves nothing behind."""

import json
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest

from callboard.cli.demo.narration import ClaimFailed, Narrator
from callboard.cli.output import Output
from tests.clients_fixture import ClaudeClient
from tests.support.claude import served_model
from tests.support.command import CommandLine

LIMIT_SECONDS = 60
SHOWN = (
    "the session's id is known, its run is pending, no runner exists",
    "each tool call has its end",
    "the message was seen growing",
    "it has two children, whose parent their tokens prove",
    "it failed with the agent's own words",
    "the retry completed",
    "the lead was told of each of the three ends exactly once",
    "the run is stopped, and no process of it is left",
    "it remembers the first turn",
    "the sentence names the tag that no runner has",
    "the agent does not notice: process ",
    "in its first attempt: nothing ran twice",
    "the reader of the stream got each of them once, in order",
    "the first try failed its check, the second was told so and passed",
    "the file is in the worktree project-issue-1, with 2 lines",
    "a second spawn that has an issue in common is refused",
)
"""Start, live events, a parent with children, a failure and its retry, callbacks, stop, a resume that remembers, why,
what a kill -9 changes, an issue in a worktree."""


def _left_behind(folder: Path) -> list[str]:
    processes = [" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])]
    return [words for words in processes if str(folder) in words] + [
        str(path) for path in folder.glob("callboard-demo-*")
    ]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_demonstration_holds_and_leaves_nothing(tmp_path: Path) -> None:
    """A80: `make demo` runs this."""
    with tempfile.TemporaryDirectory(prefix="cb-") as temporary:
        callboard = CommandLine(tmp_path, {"HOME": str(tmp_path), "TMPDIR": temporary})
        done = callboard("demo")
        assert done.code == 0, done.out + done.err
        assert _left_behind(Path(temporary)) == []
    assert list(tmp_path.iterdir()) == []
    assert "\x1b" not in done.out
    claims, seconds = re.findall(r"(\d+) claims checked in (\d+) s", done.out)[0]
    assert int(claims) == done.out.count("✓ ") - len(re.findall("✓ (finished|completed|greets)", done.out))
    assert int(seconds) < LIMIT_SECONDS
    assert "kill -9" in done.out


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_demonstration_as_json_lists_its_claims_those_with_the_real_client_too(
    tmp_path: Path, claude_code: Path
) -> None:
    """60: the real Claude Code where it is installed, with the login that it finds."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "claude").symlink_to(claude_code)
    with tempfile.TemporaryDirectory(prefix="cb-") as temporary, served_model() as model:
        client = ClaudeClient(claude_code, tmp_path, model)
        environment = client.environment | {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "TMPDIR": temporary}
        done = CommandLine(tmp_path, environment)("demo", "--claude-code", "--json")
    summary = json.loads(done.out)
    assert (done.code, summary["ok"]) == (0, True), summary["truth"]
    claimed = [claim["sentence"] for claim in summary["claims"]]
    expected = (*SHOWN, "one conversation of the client carries both turns", "what it took is counted: 2 turns")
    assert [one for one in expected if not any(sentence.startswith(one) for sentence in claimed)] == []
    assert all(claim["true"] for claim in summary["claims"])
    assert len(model.answers) == 2


@pytest.mark.slow
def test_the_demonstration_with_a_client_that_is_not_there_begins_nothing(tmp_path: Path) -> None:
    done = CommandLine(tmp_path, {"HOME": str(tmp_path), "PATH": str(tmp_path)})("demo", "--claude-code")
    assert (done.code, "There is no program `claude` here." in done.err) == (3, True)


@pytest.mark.slow
def test_an_interrupted_demonstration_leaves_nothing_either(tmp_path: Path) -> None:
    """In the middle of a hanging run, whose agent would outlive everybody."""
    with tempfile.TemporaryDirectory(prefix="cb-") as temporary:
        callboard = CommandLine(tmp_path, {"HOME": str(tmp_path), "TMPDIR": temporary})
        process = callboard.start(
            "demo", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, PYTHONUNBUFFERED="1"
        )
        assert process.stdout is not None
        assert any(b"the agent lives" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_SECONDS)
        assert process.returncode == 130
        assert _left_behind(Path(temporary)) == []


def test_a_claim_that_does_not_hold_ends_it_with_the_truth(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Narrator(Output(color="never"))
    tell.check("two and two are four", 2 + 2 == 4)
    with pytest.raises(ClaimFailed, match="not so: 4"):
        tell.check("two and two are five", 2 + 2 == 5, 2 + 2)
    assert [claim.true for claim in tell.claims] == [True, False]
    assert "✗ two and two are five" in capsys.readouterr().out
