"""Ends a PostgreSQL of the tests when the process that it was started for is gone, even if that was killed.

Runs as a process of its own beside each server. Knows no database, only a directory with a server's `data` in it.
"""

import os
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

STOP_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.01


def guard(directory: Path, owner_pid: int) -> psutil.Process:
    """Start the guard of the server in this directory; nothing of either is left when the owner is gone.

    It outlives whoever starts it, which a Popen would complain about at that one's end.
    """
    argv = [sys.executable, "-I", __file__, str(owner_pid), str(directory)]
    silent = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    return psutil.Process(os.posix_spawn(sys.executable, argv, os.environ, file_actions=silent, setsid=True))


def postmaster_of(data: Path) -> psutil.Process | None:
    """The server's first process; None when no server of ours runs on this data."""
    with suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        found = psutil.Process(int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]))
        if str(data) in found.cmdline():
            return found
    return None


def end_server(directory: Path, number: signal.Signals = signal.SIGINT) -> None:
    """End the server in this directory, if one runs, and remove the directory."""
    found = postmaster_of(directory / "data")
    if found is not None:
        with suppress(psutil.NoSuchProcess):
            found.send_signal(number)
            _wait_for_end(found)
    shutil.rmtree(directory, ignore_errors=True)


def _wait_for_end(process: psutil.Process) -> None:
    """A zombie has ended: its parent is the machine's first process, which may take its time."""
    never, deadline = threading.Event(), time.monotonic() + STOP_SECONDS
    while process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        never.wait(LOOK_SECONDS)


def main(owner_pid: str, directory: str) -> None:
    """Wait for the owner's end."""
    os.chdir("/")
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(owner_pid)).wait()
    if Path(directory).exists():
        end_server(Path(directory), signal.SIGQUIT)


if __name__ == "__main__":
    main(*sys.argv[1:])
