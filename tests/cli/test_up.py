"""`callboard up`: everything on one machine, found again by the second one, ended without stopping agents."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from callboard.cli.up import readable
from tests.support.command import CommandLine
from tests.support.processes import end_all_below
from tests.support.programs import scrubbed

SECONDS = 40.0


class Up:
    """`callboard up --json` on a data directory of its own, once it runs."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        argv = [sys.executable, "-m", "callboard", "up", "--data-dir", str(folder / "data"), "--json", *words]
        self.process = subprocess.Popen(
            argv, cwd=folder / "project", env=scrubbed({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.running = json.loads(line) if line else {}

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def end(self, number: signal.Signals | None = None) -> int:
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        self.process.communicate(timeout=SECONDS)
        return self.process.returncode


def write_agent(folder: Path, name: str) -> None:
    """A file of an agent in the project."""
    place = folder / "project" / ".callboard" / "agents"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.md").write_text(f"---\nexecutor: scripted\n---\nresult {name}\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder with a project; whatever still works in it is ended."""
    (tmp_path / "project").mkdir()
    yield tmp_path
    end_all_below(tmp_path)


@pytest.fixture
def callboard(folder: Path) -> CommandLine:
    return CommandLine(folder / "project", {"CALLBOARD_DATA_DIR": str(folder / "data")})


def test_it_starts_both_is_found_by_the_next_and_ends_both(folder: Path, callboard: CommandLine) -> None:
    """A80: two commands on a fresh machine."""
    first = Up(folder, "--port", "0")
    try:
        assert first.running["started"] == ["coordinator", "runner"]
        assert callboard("run", "say hello\nresult up", "--executor", "scripted", "--wait").out == "up\n"
        second = Up(folder, "--port", "0")
        assert second.end() == 0
        assert second.running["url"] == first.running["url"]
        assert second.running["runner_id"] == first.running["runner_id"]
        assert second.running["started"] == []
        children = first.children()
        assert len(children) == 2
    finally:
        code = first.end(signal.SIGINT)
    assert code == 0
    assert [child for child in children if child.is_running()] == []
    assert callboard("ps", CALLBOARD_URL=first.running["url"]).code == 5


def test_a_browser_is_led_in_by_a_private_file_and_by_no_argument(folder: Path, callboard: CommandLine) -> None:
    """S1: `up` and `open` print a link, once good, and what they start in its place shows no code to other users."""
    seen = folder / "seen"
    opener = folder / "opener"
    opener.write_text(
        f'#!/bin/sh\necho "$@" >> {seen}\ncp "$(echo "$1" | sed s,file://,,)" {folder}/copy\n', encoding="utf-8"
    )
    opener.chmod(0o755)
    up = Up(folder, "--port", "0", "--no-browser")
    try:
        first = up.running["login_url"]
        assert first.startswith(f"{up.running['url']}/ui/login#code=cbt_")
        session = callboard("run", "say hello", "--executor", "scripted", "-q").out.strip()
        opened = callboard("open", session[-6:], "--json", BROWSER=str(opener)).value
        assert opened["opened"]
        assert opened["url"].endswith(f"&next=/ui/sessions/{session}")
        code = opened["url"].partition("#code=")[2].partition("&")[0]
        assert code not in seen.read_text(encoding="utf-8")
        assert code in (folder / "copy").read_text(encoding="utf-8")
        assert (folder / "data" / "open.html").stat().st_mode & 0o777 == 0o600
        assert callboard("open", "--no-browser", "-q", BROWSER=str(opener)).out.count("#code=") == 1
        assert len(seen.read_text(encoding="utf-8").splitlines()) == 1
        assert callboard("open", "ffffff").code == 3
    finally:
        up.end(signal.SIGINT)


def test_the_agents_of_the_directory_are_there_and_the_next_one_brings_new_ones(
    folder: Path, callboard: CommandLine
) -> None:
    """40: `up` uploads, also where coordinator and runner run already."""
    write_agent(folder, "one")
    first = Up(folder, "--port", "0")
    try:
        assert callboard("run", "say x", "--agent", "one", "--wait").out == "one\n"
        write_agent(folder, "two")
        assert callboard("run", "say x", "--agent", "two").code == 3
        assert Up(folder, "--port", "0").end() == 0
        assert callboard("run", "say x", "--agent", "two", "--wait").out == "two\n"
    finally:
        first.end(signal.SIGINT)


def test_agents_live_on_when_it_ends_and_the_next_one_finds_them(folder: Path, callboard: CommandLine) -> None:
    """A41: nothing is stopped by stopping what started it."""
    first = Up(folder, "--port", "0")
    session = callboard(
        "run", "say begun\nrun until [ -e go ]; do sleep 0.02; done\nresult whole", "-q", "--executor", "scripted"
    ).out.strip()
    begun = callboard.start(
        "logs", "-f", session, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert begun.stdout is not None
    assert any(b"assistant: begun" in line for line in begun.stdout)
    begun.kill()
    begun.communicate()
    assert first.end(signal.SIGINT) == 0
    second = Up(folder, "--port", "0")
    try:
        (folder / "project" / "go").touch()
        done = callboard("wait", session, "--json")
        assert (done.value["result_text"], done.value["attempt"]) == ("whole", 1)
    finally:
        second.end(signal.SIGTERM)


def test_its_children_end_when_it_is_killed(folder: Path) -> None:
    first = Up(folder, "--port", "0")
    children = first.children()
    first.process.kill()
    first.process.communicate(timeout=SECONDS)
    _, alive = psutil.wait_procs(children, timeout=SECONDS)
    assert alive == []


def test_a_second_directory_gets_a_runner_of_its_own(folder: Path, callboard: CommandLine) -> None:
    (folder / "other").mkdir()
    first = Up(folder, "--port", "0")
    second = Up(folder, "--project-dir", str(folder / "other"))
    try:
        assert second.running["started"] == ["runner"]
        assert len(callboard("runner", "list", "-q").out.split()) == 2
    finally:
        assert second.end(signal.SIGTERM) == 0
        assert first.end(signal.SIGTERM) == 0


def test_a_port_that_is_taken_is_said_and_nothing_is_left(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        up = Up(folder, "--port", str(taken.getsockname()[1]))
        assert up.process.stderr is not None
        hints = up.process.stderr.read().decode()
        assert up.end(signal.SIGTERM) == 8
    assert "address_in_use" in hints


def test_children_are_heard_when_something_is_wrong() -> None:
    assert readable('{"event": "registered", "level": "info", "timestamp": "x"}') is None
    assert readable('{"event": "lease_lost", "level": "warning", "timestamp": "x", "run": 1}') == "lease lost run=1"
    assert readable("error: no JSON") == "error: no JSON"
