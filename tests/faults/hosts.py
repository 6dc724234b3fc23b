"""A runner's whole machine: the runner, its keepers, its agents. It can die, freeze and come back in one go."""

import functools
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import psutil

from tests.support.runner import Runner

# The first process of a machine: starts the runner, takes the exits of all that lose their parent, ends with the last.
_INIT: Final = """
import os, sys
if os.fork() == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
try:
    while True:
        os.wait()
except ChildProcessError:
    pass
"""
_NAMESPACE: Final = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@functools.cache
def own_machine() -> Sequence[str]:
    """How to start a runner so that it sees no processes but its own, as on another machine; nothing where that is
    not allowed: then all runners see one another's processes, and end those of earlier attempts of their sessions."""
    for way in (_NAMESPACE, (*_NAMESPACE, "--user", "--map-root-user")):
        try:
            if subprocess.run([*way, "true"], capture_output=True, check=False, timeout=10).returncode == 0:
                return (*way, sys.executable, "-I", "-S", "-c", _INIT)
        except (OSError, subprocess.TimeoutExpired):
            continue
    return ()


def kill_host(runner: Runner) -> None:
    """As a power cut: nothing of the machine does anything after the first moment."""
    freeze_host(runner)
    for one in processes_of(runner):
        _send(one, signal.SIGKILL)
    runner.program.ended()


def freeze_host(runner: Runner) -> None:
    """Nothing of the machine runs any more, until it is thawed."""
    frozen: set[psutil.Process] = set()
    while fresh := set(processes_of(runner)) - frozen:
        for one in fresh:
            _send(one, signal.SIGSTOP)
        frozen |= fresh


def thaw_host(runner: Runner) -> None:
    """It wakes up and knows nothing of the time that has passed."""
    for one in processes_of(runner):
        _send(one, signal.SIGCONT)


def keepers_of(runner: Runner, run_id: str = "") -> list[psutil.Process]:
    """The keepers of a runner's attempts, or of those of one run."""
    return [one for one in psutil.process_iter() if _names(one, str(runner.state_dir), "keeper", run_id)]


def processes_of(runner: Runner) -> list[psutil.Process]:
    """The runner, its keepers, and all that came from them."""
    roots = [*_alive(runner.program.pid), *keepers_of(runner)]
    return list(dict.fromkeys(one for root in roots for one in (root, *_below(root))))


def _alive(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid)]
    except psutil.NoSuchProcess:
        return []


def _below(root: psutil.Process) -> list[psutil.Process]:
    try:
        return root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _names(process: psutil.Process, *words: str) -> bool:
    try:
        line = " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False
    return all(word in line for word in words)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
