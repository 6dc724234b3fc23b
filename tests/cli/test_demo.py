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
def test_the_demonstration_as_json_lists_its_claims(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="cb-") as temporary:
        done = CommandLine(tmp_path, {"HOME": str(tmp_path), "TMPDIR": temporary})("demo", "--json")
    summary = json.loads(done.out)
    assert (done.code, summary["ok"], summary["truth"]) == (0, True, "")
    claimed = [claim["sentence"] for claim in summary["claims"]]
    assert [one for one in SHOWN if not any(sentence.startswith(one) for sentence in claimed)] == []
    assert all(claim["true"] for claim in summary["claims"])


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
