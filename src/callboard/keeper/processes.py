"""Which processes belong to an attempt, and how to end exactly those. Full on Linux; elsewhere the table is empty."""

import ctypes
import glob
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from callboard.keeper import TRACKING

LINUX: Final = sys.platform == "linux"
PASS_SECONDS: Final = 0.005
PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_CHILD_SUBREAPER: Final = 36
_CGROUP: Final = "callboard-"


class Process(NamedTuple):
    """A living process; its start time (clock ticks since boot) tells it from a later one with the same pid."""

    pid: int
    parent: int
    started: int


def process(pid: int) -> Process | None:
    """The process with this pid; None when there is none or only its corpse. Elsewhere than on Linux just its pid."""
    try:
        if not LINUX:
            os.kill(pid, 0)
            return Process(pid, 0, 0)
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    dead = fields[0] in (b"Z", b"X") and int(fields[17]) <= 1
    return None if dead else Process(pid, int(fields[1]), int(fields[19]))


def processes() -> list[Process]:
    """Every living process that we can see."""
    names = os.listdir("/proc") if LINUX else []  # noqa: PTH208 - names are all we need
    return [found for name in names if name.isdigit() and (found := process(int(name)))]


def descendants(root: int, everyone: Iterable[Process]) -> list[Process]:
    """All processes below a pid, the nearest first."""
    below: dict[int, list[Process]] = {}
    for one in everyone:
        below.setdefault(one.parent, []).append(one)
    found = list(below.get(root, ()))
    for one in found:  # grows while it is read
        found += below.get(one.pid, ())
    return found


def tracked(values: Iterable[str], everyone: Iterable[Process]) -> list[Process]:
    """The processes whose environment carries one of these tracking values."""
    marks = tuple(f"{TRACKING}={value}".encode() for value in values)
    return [one for one in everyone if any(mark in _environment(one.pid) for mark in marks)]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def send_signal(one: Process, number: int) -> bool:
    """Signals a process unless its pid belongs to another one by now."""
    if not LINUX:
        return _signal_by_pid(one.pid, number)
    try:
        handle = os.pidfd_open(one.pid)
    except OSError:
        return False
    try:
        now = process(one.pid)
        if now is None or now.started != one.started:
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def _signal_by_pid(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True


def end_all(find: Callable[[], list[Process]], seconds: float) -> tuple[set[Process], list[Process]]:
    """Kills what `find` finds until it finds nothing, or the time is over: (what was ended, what is left)."""
    bound = time.monotonic() + seconds
    ended: set[Process] = set()
    while (living := find()) and time.monotonic() < bound:
        ended.update(one for one in living if send_signal(one, signal.SIGKILL))
        time.sleep(PASS_SECONDS)
    return ended, living


def prctl(option: int, value: int) -> None:
    """Sets a property of this process; nothing where the platform has no such thing."""
    if LINUX:
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


class Cgroup:
    """A control group below our own, when it is wanted and the platform lets us make one."""

    def __init__(self, name: str, *, wanted: bool) -> None:
        self.made = False
        self._path = Path(_own_cgroup() or "/nowhere", f"{_CGROUP}{name}-{os.getpid()}")
        if wanted:
            with suppress(OSError):
                self._path.mkdir()
                self.made = True
        if self.made and not (self._path / "cgroup.kill").exists():
            self.remove()

    def join(self) -> None:
        """Moves the calling process into it, if that is allowed."""
        if self.made:
            with suppress(OSError):
                (self._path / "cgroup.procs").write_text(str(os.getpid()))

    def confirm(self) -> None:
        """Gives the group up when nothing came into it."""
        if not self.populated():
            self.remove()

    def populated(self) -> bool:
        """Whether any process is in it."""
        if not self.made:
            return False
        try:
            return "populated 1" in (self._path / "cgroup.events").read_text()
        except OSError:
            return False

    def kill(self) -> None:
        """Kills all that is in it at once."""
        if self.made:
            with suppress(OSError):
                (self._path / "cgroup.kill").write_text("1")

    def remove(self) -> None:
        """Takes the empty group away; groups that the agent made inside stay, and with them this one."""
        if self.made:
            self.made = False
            with suppress(OSError):
                self._path.rmdir()


def remove_cgroups(name: str, seconds: float) -> None:
    """Kills and takes away the groups that dead keepers have left for an attempt; blocks for at most this time."""
    own = _own_cgroup()
    bound = time.monotonic() + seconds
    for path in own.glob(f"{_CGROUP}{glob.escape(name)}-*") if own else ():
        with suppress(OSError):
            (path / "cgroup.kill").write_text("1")
            while "populated 1" in (path / "cgroup.events").read_text() and time.monotonic() < bound:
                time.sleep(PASS_SECONDS)
            path.rmdir()


def _own_cgroup() -> Path | None:
    """Where the second version of control groups has put us."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
        mount = next(line.split()[4] for line in mounts if " - cgroup2 " in line)
        groups = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        return Path(mount + next(line[3:] for line in groups if line.startswith("0::")))
    except (OSError, StopIteration):
        return None
