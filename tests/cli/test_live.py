"""Following a session as it works, and leaving it."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.command import CommandLine
from tests.support.coordinator import Coordinator
from tests.support.world import World, hold

SECONDS = 30.0


@contextmanager
def _following(callboard: CommandLine, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = callboard.start(
        "logs", "-f", *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    bound = threading.Timer(SECONDS, process.kill)
    bound.start()
    try:
        yield process
    finally:
        bound.cancel()
        process.kill()
        process.communicate()


def _line_with(process: "subprocess.Popen[bytes]", text: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line.decode():
            return line.decode()
    raise AssertionError(f"{text!r} was not shown")


def test_events_are_shown_while_the_agent_works_and_the_end_ends_it(callboard: CommandLine, world: World) -> None:
    session = callboard("run", f"say first\n{hold('live-1')}\nsay second", "-q").out.strip()
    with _following(callboard, session) as process:
        _line_with(process, "assistant: first")
        world.let_go("live-1")
        _line_with(process, "assistant: second")
        _line_with(process, "run completed")
        assert process.wait(SECONDS) == 0


def test_it_waits_for_the_runs_that_are_queued(callboard: CommandLine, world: World) -> None:
    session = callboard("run", hold("live-2"), "-q").out.strip()
    callboard("resume", session, "say the second run")
    with _following(callboard, session) as process:
        world.let_go("live-2")
        _line_with(process, "assistant: the second run")
        assert process.wait(SECONDS) == 0


def test_a_session_that_has_ended_is_not_waited_for_unless_asked(callboard: CommandLine) -> None:
    session = callboard("run", "say over", "--wait", "-q").out.strip()
    with _following(callboard, session) as process:
        assert process.wait(SECONDS) == 0
    with _following(callboard, session, "--keep") as process:
        _line_with(process, "run completed")
        callboard("resume", session, "say again")
        _line_with(process, "assistant: again")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130


def test_only_the_wanted_types_are_followed(callboard: CommandLine, world: World) -> None:
    session = callboard("run", f"{hold('live-3')}\nsay words\nresult end", "-q").out.strip()
    with _following(callboard, session, "--types", "result", "--json") as process:
        world.let_go("live-3")
        out, _ = process.communicate(timeout=SECONDS)
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["result"]


@pytest.mark.slow
def test_a36_a_restart_of_the_coordinator_leaves_no_gap_in_what_is_followed(world: World) -> None:
    own: Coordinator = world.coordinator()
    world.runner(own, name="restart")
    callboard = world.command_line(own)
    session = callboard("run", f"say before\n{hold('live-4')}\nsay after", "-q").out.strip()
    with _following(callboard, session, "--json") as process:
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(json.loads(line))
            if seen[-1]["type"] == "message" and seen[-1]["payload"]["role"] == "assistant":
                break
        own.kill()
        own.restart()
        world.let_go("live-4")
        seen += [json.loads(line) for line in process.stdout]
        assert process.wait(SECONDS) == 0
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1]["type"] == "run_completed"


def test_a_wait_ends_in_time_though_the_coordinator_is_away(world: World) -> None:
    """60: exit code 7 when the time is over, whoever is away meanwhile."""
    own: Coordinator = world.coordinator()
    world.runner(own, name="away")
    callboard = world.command_line(own)
    run_id = callboard("run", hold("live-5"), "--json").value["run_id"]
    process = callboard.start(
        "wait", run_id, "--timeout", "4s", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    assert process.stderr.readline() != b""
    own.kill()
    _, told = process.communicate(timeout=SECONDS)
    assert process.returncode == 7, told
    assert b"asking again" in told
    own.restart()
    world.let_go("live-5")
