"""A82: every exit code, from real processes against a real coordinator."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from callboard.cli import exit_codes
from callboard.domain import errors
from callboard.domain.run import END_REASONS
from callboard.wire.responses import Run
from tests.client.answering import Answer, AnsweringServer
from tests.support.command import CommandLine
from tests.support.coordinator import Coordinator
from tests.support.programs import CALLBOARD


def test_0_a_run_that_completes(callboard: CommandLine) -> None:
    done = callboard("run", "say hello\nresult all is well", "--wait")
    assert (done.code, done.out) == (0, "all is well\n")


def test_1_a_run_that_fails(callboard: CommandLine) -> None:
    done = callboard("run", "fail the build is red", "--wait")
    assert (done.code, done.out) == (1, "")
    assert "the build is red" in done.err
    assert "callboard retry run_" in done.err


def test_1_a_run_that_is_stopped(callboard: CommandLine) -> None:
    run = callboard("run", "say x", "--tag", "nobody-has-it", "--json").value
    assert callboard("stop", run["session_id"]).code == 0
    assert callboard("wait", run["run_id"]).code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("runner", "--slots", "0"),
        ("up", "--slots", "-1"),
        ("runn",),
        ("run",),
        ("run", "x", "--executr", "y"),
        ("logs",),
        ("run", "x", "--context", "eternal"),
    ],
)
def test_2_a_command_line_that_is_wrong(words: tuple[str, ...], callboard: CommandLine) -> None:
    done = callboard(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert "next: " in done.err


def test_2_a_request_that_is_wrong_creates_nothing(callboard: CommandLine) -> None:
    before = callboard("ps", "-q", "--all").out
    done = callboard("run", "say x", "--executor", "no-such-executor")
    assert done.code == 2
    assert "code:  unknown_executor" in done.err
    assert callboard("ps", "-q", "--all").out == before


@pytest.mark.parametrize(
    "words",
    [
        ("logs", "zzzzzz"),
        ("wait", "ses_01h2xcejqtf2nbrexx3vqjhp41"),
        ("why", "run_01h2xcejqtf2nbrexx3vqjhp41"),
        ("session", "show", "4242"),
        ("runner", "show", "no-such-runner"),
        ("token", "revoke", "tok_01h2xcejqtf2nbrexx3vqjhp41"),
    ],
)
def test_3_what_is_not_there(words: tuple[str, ...], callboard: CommandLine) -> None:
    done = callboard(*words)
    assert (done.code, done.out) == (3, ""), done.err
    assert "_not_found" in done.err


def test_4_a_token_that_is_missing_or_unknown(callboard: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("cbt_wrong")
    assert callboard("ps", CALLBOARD_TOKEN_FILE=str(tmp_path / "wrong")).code == 4
    assert callboard("ps", CALLBOARD_TOKEN_FILE="", CALLBOARD_DATA_DIR=str(tmp_path)).code == 4


def test_4_a_token_that_does_not_allow_it(callboard: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "reader"
    assert callboard("token", "create", "read_only", "--output-file", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert callboard("ps", CALLBOARD_TOKEN_FILE=str(file)).code == 0
    done = callboard("run", "say x", CALLBOARD_TOKEN_FILE=str(file))
    assert (done.code, "forbidden" in done.err) == (4, True)


@pytest.mark.parametrize("token", ["s3cret\nother", "s3crét"])
def test_2_what_can_be_no_token_and_it_is_not_shown(token: str, callboard: CommandLine) -> None:
    done = callboard("ps", CALLBOARD_TOKEN_FILE="", CALLBOARD_TOKEN=token)
    assert (done.code, done.out) == (2, "")
    assert "CALLBOARD_TOKEN h" in done.err
    assert "s3cr" not in done.err


def test_the_owners_token_is_not_revoked_without_a_question_and_not_the_one_in_use(callboard: CommandLine) -> None:
    """S1: 2 without anybody to ask; 8 from the coordinator, with the way to renew it."""
    owners = [one for one in callboard("token", "list", "--json").value["items"] if one["kind"] == "owner"]
    asked = callboard("token", "revoke", owners[0]["token_id"])
    assert (asked.code, "--yes" in asked.err) == (2, True)
    refused = callboard("token", "revoke", owners[0]["token_id"], "--yes")
    assert (refused.code, "own_token" in refused.err) == (8, True)
    assert "restart `callboard serve`" in refused.err


@pytest.mark.parametrize(
    ("option", "number"),
    [
        ("--budget", "nan"),
        ("--budget", "inf"),
        ("--budget=-inf", ""),
        ("--budget", "1e300"),
        ("--budget", "0"),
        ("--budget", "0.0000004"),
        ("--budget-tokens", "0"),
        ("--max-turns", "9" * 30),
        ("--timeout", "9" * 400),
        ("--queue-timeout", "9" * 400 + "d"),
    ],
)
def test_2_a_number_that_is_none(option: str, number: str, callboard: CommandLine) -> None:
    """A82: a sentence, and no defect."""
    done = callboard(*("run", "say x", option, number)[: 4 if number else 3])
    assert (done.code, done.out) == (2, ""), done.err
    assert done.err.startswith("error: ")
    assert "defect" not in done.err


def test_2_a_directory_that_is_gone_is_said_and_is_in_no_ones_way_who_needs_none(
    callboard: CommandLine, tmp_path: Path
) -> None:
    """A82: what needs no directory works in one that was deleted."""
    gone = tmp_path / "gone"
    gone.mkdir()
    words = f"cd {gone} && rmdir {gone} && exec {' '.join(CALLBOARD)}"
    environment = callboard.whole_environment()
    for command, code in (("ps", 0), ("run 'say x'", 2), (f"run 'say x' --project-dir {tmp_path}", 0)):
        gone.mkdir(exist_ok=True)
        done = subprocess.run(
            ["sh", "-c", f"{words} {command}"], env=environment, capture_output=True, text=True, timeout=40, check=False
        )
        assert done.returncode == code, done.stderr
        assert "defect" not in done.stderr
        assert ("is gone" in done.stderr) == (code == 2)


def test_a_stream_that_is_closed_or_full_is_no_defect(callboard: CommandLine) -> None:
    """A82: who closes stdout wants none of it; where there is no room for it, 1 and a sentence."""
    before = len(callboard("ps", "-q", "--all").out.split())
    closings = (("ps >&-", 0), ("run 'say x' >&- 2>&-", 0), ("ps <&- >&-", 0), ("ps > /dev/full", 1))
    for command, code in closings:
        done = subprocess.run(
            ["sh", "-c", f"exec {' '.join(CALLBOARD)} {command}"],
            env=callboard.whole_environment(),
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        assert done.returncode == code, (command, done.stderr)
        assert ("could not be written" in done.stderr) == (code == 1)
        assert "defect" not in done.stderr
    assert len(callboard("ps", "-q", "--all").out.split()) == before + 1


def test_5_a_coordinator_that_does_not_answer(nowhere: CommandLine) -> None:
    done = nowhere("ps")
    assert (done.code, done.out) == (5, "")
    assert "http://127.0.0.1:1" in done.err
    assert "callboard up" in done.err


def test_6_a_session_that_needs_a_person(callboard: CommandLine) -> None:
    created = callboard("run", "say x", "--wait", "--json").value
    waiting = created | {"status": "running", "reason": None}
    session = callboard("session", "show", created["session_id"], "--json").value | {"waiting_for": "approval"}
    answers = [Answer(200, json.dumps(one).encode()) for one in (waiting, waiting, session)]
    with AnsweringServer(*answers) as server:
        done = callboard("wait", created["run_id"], "-q", CALLBOARD_URL=server.url)
    assert done.code == 6
    assert "approval" in done.err


def test_7_a_wait_that_is_too_long_and_the_run_goes_on(callboard: CommandLine) -> None:
    run = callboard("run", "say x", "--tag", "nobody-has-it", "--json").value
    done = callboard("wait", run["run_id"], "--timeout", "300ms")
    assert done.code == 7
    assert callboard("why", run["run_id"], "--json").value["status"] == "pending"
    callboard("stop", run["session_id"])


def test_7_a_run_that_waits_too_long_in_the_queue(callboard: CommandLine) -> None:
    done = callboard("run", "say x", "--tag", "nobody-has-it", "--queue-timeout", "1s", "--wait", "--json")
    assert (done.code, done.value["reason"]) == (7, "queue_timeout")


def test_8_a_state_that_does_not_allow_it(callboard: CommandLine) -> None:
    session = callboard("run", "say x", "--wait", "-q").out.strip()
    assert callboard("session", "archive", session).code == 0
    done = callboard("resume", session, "say y")
    assert (done.code, "session_archived" in done.err) == (8, True)
    assert callboard("session", "unarchive", session).code == 0


def test_8_a_second_coordinator_on_the_same_data(callboard: CommandLine, coordinator: Coordinator) -> None:
    done = callboard("serve", "--port", "0", "--data-dir", str(coordinator.data_dir))
    assert (done.code, "data_dir_in_use" in done.err) == (8, True)


def test_130_ctrl_c_detaches_from_a_run_and_stops_nothing(callboard: CommandLine) -> None:
    """A82: with --wait a SIGINT detaches."""
    process = callboard.start(
        "run", "say begun\nsleep 3\nresult done", "--wait",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    killer = threading.Timer(30, process.kill)
    killer.start()
    seen = []
    for line in process.stderr:
        seen.append(line.decode())
        if "assistant: begun" in seen[-1]:
            break
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=20)
    killer.cancel()
    assert process.returncode == 130, seen
    assert out == b""
    run_id = seen[0].split()[1]
    assert f"callboard wait {run_id}" in rest.decode()
    done = callboard("wait", run_id)
    assert (done.code, done.out) == (0, "done\n")


def test_every_end_of_a_run_has_an_exit_code() -> None:
    """The table of the specification, 10: 0 for completed, 7 for both time limits, 1 for everything else."""
    of_reason = {reason: exit_codes.of_run(_ended(reason)) for reason in END_REASONS}
    assert {reason for reason, code in of_reason.items() if code == 0} == {"completed"}
    assert {reason for reason, code in of_reason.items() if code == 7} == {"timeout", "queue_timeout"}
    assert set(of_reason.values()) == {0, 1, 7}


def _ended(reason: str) -> Run:
    values: dict[str, Any] = dict.fromkeys(Run.__struct_fields__)
    return Run(**(values | {"reason": reason}))


def test_every_class_of_errors_has_an_exit_code() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CallboardError)
    ]
    codes = {kind.__name__: exit_codes.of_error(kind("x")) for kind in kinds}
    assert codes["NotFound"] == 3
    assert codes["Unauthenticated"] == codes["Forbidden"] == 4
    assert codes["Unavailable"] == 5
    assert codes["Conflict"] == 8
    assert codes["Internal"] == 1
    assert set(codes.values()) <= set(exit_codes.MEANINGS)


def test_130_ctrl_c_before_anything_has_begun(callboard: CommandLine) -> None:
    """A82: also while the program is still being loaded there is no traceback."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "callboard", "ps"],
        env=callboard.whole_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        next(line for line in process.stderr if "cyclopts" in line)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in rest
