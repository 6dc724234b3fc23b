"""Child processes that are measured: each tells on its standard output or error where it listens."""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, NamedTuple

from bench.databases import Home

STOP_SECONDS = 30
LONG_LEASES = {"lease_seconds": 86_400, "lost_runner_seconds": 86_400, "unheard_seconds": 86_400}
"""Nobody sends heartbeats here."""
LISTENING = "listening on http://127.0.0.1:"


class Server(NamedTuple):
    """A process that listens on 127.0.0.1."""

    pid: int
    port: int
    database_pid: int | None = None


class Coordinator(NamedTuple):
    """A coordinator with its two tokens."""

    pid: int
    port: int
    database_pid: int | None
    """The server that its database is on; None when the coordinator itself is all that works on it."""
    token: str
    join_token: str


@contextmanager
def server(module: str, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Runs a module of ours until the block ends; it writes where it listens on standard error."""
    command = [sys.executable, "-m", module]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=_clean() | dict(environment or {}))
    try:
        port = _port(child.stderr)
        # What else it says is thrown away, so that a full pipe never holds it up.
        threading.Thread(target=deque, args=(child.stderr, 0), daemon=True).start()
        yield Server(child.pid, port)
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def coordinator(home: Home, **settings: object) -> Iterator[Coordinator]:
    """Runs a coordinator on this database; other settings as named in its configuration."""
    values = {"port": 0, "log_level": "warning"} | home.settings | settings
    environment = {f"CALLBOARD_{name.upper()}": str(value) for name, value in values.items()}
    with server("bench.coordinator_process", environment) as child:
        token, join_token = ((home.directory / name).read_text().strip() for name in ("token", "runner-token"))
        yield Coordinator(child.pid, child.port, home.server_pid, token, join_token)


def _clean() -> dict[str, str]:
    """Our environment without settings of a coordinator that somebody uses."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}


def _port(lines: IO[str] | None) -> int:
    said: list[str] = []
    for line in lines or ():
        if line.startswith(LISTENING):
            return int(line.removeprefix(LISTENING))
        said.append(line)
    raise RuntimeError(f"the server did not start: {''.join(said)[-2000:]}")
