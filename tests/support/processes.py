"""Looks for processes on this machine: those of an attempt, and those that a test would leave behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

TRACKING: Final = "CALLBOARD_TRACKING"
KILL_SECONDS: Final = 10.0


def agents_of(run_id: str) -> list[psutil.Process]:
    """The living processes that carry the mark of an attempt of this run."""
    return [one for one in psutil.process_iter() if _mark(one).startswith(f"{run_id}.") and _lives(one)]


def agent_of(run_id: str) -> psutil.Process:
    """The agent itself: the one process of a run whose parent does not carry its mark."""
    found = agents_of(run_id)
    pids = {one.pid for one in found}
    (agent,) = [one for one in found if _parent_pid(one) not in pids]
    return agent


def end_all_below(folder: Path) -> None:
    """Kill every process that was started for, or works in, a folder, and all that came from it."""
    found = {one for root in _belonging_to(folder) for one in (root, *_children(root))}
    for one in found:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(found, timeout=KILL_SECONDS)


def _belonging_to(folder: Path) -> Iterator[psutil.Process]:
    for one in psutil.process_iter():
        try:
            words = [*one.cmdline(), one.cwd()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if any(str(folder) in word for word in words):
            yield one


def _children(root: psutil.Process) -> list[psutil.Process]:
    try:
        return root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _mark(process: psutil.Process) -> str:
    try:
        return str(process.environ().get(TRACKING, ""))
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return ""


def _parent_pid(process: psutil.Process) -> int:
    """The parent's id; of a process that has just ended its own, as if it were its own child."""
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return process.pid


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
