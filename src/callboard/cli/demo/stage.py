"""Where the demonstration plays: a directory that goes away, a coordinator and a runner as real processes in it."""

import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Final

import psutil

from callboard.cli.child import Child
from callboard.cli.exit_codes import INTERRUPTED
from callboard.client.discovery import discover
from callboard.client.retry import RetryPolicy
from callboard.client.transport import Client

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0
PATIENT: Final = RetryPolicy(attempts=12, longest_pause_seconds=1.0)
"""The coordinator is killed in the middle; whoever asks then asks again."""
RUNNER_FILE: Final = """\
[runner.keeper]
interrupt_seconds = 1.0
term_seconds = 2.0
"""
CLAUDE_CODE: Final = "claude-code"
CLIENT_VARIABLES: Final = ("ANTHROPIC_", "CLAUDE_", "DISABLE_")
"""By these a person's client is logged in and set up; others' programs get none of them."""


class Stage:
    """The processes and the directory."""

    def __init__(self, *, claude_code: bool = False) -> None:
        """`claude_code`: the runner offers the person's Claude Code as well, with the person's login."""
        self.executors = ("scripted", CLAUDE_CODE) if claude_code else ("scripted",)
        self.directory = Path(tempfile.mkdtemp(prefix="callboard-demo-")).resolve()
        self.project = self.directory / "project"
        self.data_dir = self.directory / "data"
        self.project.mkdir()
        (self.directory / "runner.toml").write_text(RUNNER_FILE + (_client_table() if claude_code else ""))
        self.coordinator: Child | None = None
        self.runner: Child | None = None
        self.said: list[str] = []
        self._port = 0

    def start_coordinator(self) -> str:
        """Start it, the second time at the same address; returns the address."""
        arguments = ["serve", "--data-dir", str(self.data_dir), "--port", str(self._port)]
        self.coordinator = Child("coordinator", arguments, on_line=self.said.append)
        url = self.coordinator.wait_for_line("listening on ", START_SECONDS)
        self._port = int(url.rpartition(":")[2])
        return url

    def start_runner(self) -> str:
        """Start it; returns its id."""
        arguments = ["runner", "--data-dir", str(self.data_dir), "--project-dir", str(self.project)]
        arguments += [word for name in self.executors for word in ("--executor", name)]
        arguments += ["--slots", "4", "--config", str(self.directory / "runner.toml")]
        self.runner = Child("runner", arguments, on_line=self.said.append)
        return self.runner.wait_for_line("registered ", START_SECONDS)

    def client(self) -> Client:
        """A connection that outlives a loss of the coordinator."""
        access = discover(data_dir=self.data_dir)
        return Client(access.url, access.token, retry=PATIENT)

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command of the command line for real, in this process; its exit code and what it printed."""
        printed, hints = io.StringIO(), io.StringIO()
        with redirect_stdout(printed), redirect_stderr(hints):
            code = self.run_openly(*words, "--color", "never")
        return code, printed.getvalue() + (hints.getvalue() if code else "")

    def run_openly(self, *words: str) -> int:
        """The same, but it prints where we print; its exit code."""
        # Imported here because the dispatch leads to every command, also to this one.
        from callboard.cli.dispatch import run_command  # noqa: PLC0415

        code = run_command([*words])
        if code == INTERRUPTED:
            raise KeyboardInterrupt  # a command takes Ctrl-C as its own end; here it is the demonstration's
        return code

    def processes_of(self, run_id: str) -> list[int]:
        """The agent's processes of a run that live on this machine."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("AGENT_RUN_ID") == run_id and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
        return found

    def close(self) -> list[int]:
        """End everything and remove the directory; returns the agents' processes that were left over."""
        for child in (self.runner, self.coordinator):
            if child is not None:
                child.stop()
        left = [process for process in psutil.process_iter() if _is_in(process, self.directory)]
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=STOP_SECONDS)
        shutil.rmtree(self.directory, ignore_errors=True)
        return [process.pid for process in left]


def _client_table() -> str:
    names = json.dumps(sorted(name for name in os.environ if name.startswith(CLIENT_VARIABLES)))
    return f"[executors.{CLAUDE_CODE}]\nenvironment = {names}\n"


def _is_in(process: psutil.Process, directory: Path) -> bool:
    with suppress(psutil.Error):
        return any(str(directory) in argument for argument in process.cmdline())
    return False


@contextmanager
def own_surroundings(stage: Stage) -> Iterator[None]:
    """The stage's directory and settings instead of the person's, for this process and its children."""
    before, here = dict(os.environ), Path.cwd()
    for name in [name for name in os.environ if name.startswith(("CALLBOARD_", "AGENT_"))]:
        del os.environ[name]
    os.environ["CALLBOARD_DATA_DIR"] = str(stage.data_dir)
    os.environ["XDG_CONFIG_HOME"] = str(stage.directory / "config")
    os.chdir(stage.project)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)
