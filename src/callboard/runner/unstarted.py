"""Tells a launch that was marked and never happened from one that may have: the runner died between mark and start.

Certain only within one boot of the machine; after another one files may be missing that were there.
"""

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from callboard.executors.process import close_journal
from callboard.keeper import JOURNAL
from callboard.keeper.processes import processes
from callboard.runner.clock import Clock
from callboard.runner.held import HeldAttempt

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
START_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.05


def boot_id() -> str | None:
    """What tells this boot of the machine from every other; None where the platform does not say."""
    with suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
    return None


async def forget_unstarted_launch(held: HeldAttempt, clock: Clock) -> None:
    """Take the mark of the latest launch back, if it is certain that its agent never ran and never will."""
    folder = held.files.launch_folder(held.progress.launch)
    if held.progress.boot_id is None or held.progress.boot_id != await asyncio.to_thread(boot_id):
        return
    if not await asyncio.to_thread(_never_kept, folder) or await _comes_up(folder, clock):
        return
    if not await asyncio.to_thread(_fence, folder, held.attempt.tracking):
        return
    held.progress.launch -= 1
    held.progress.phase = "launching" if held.progress.launch else "claimed"
    await held.save()
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _never_kept(folder: Path) -> bool:
    """Whether no keeper has come so far as to make its journal, which it does before it starts the agent."""
    return not (folder / JOURNAL).exists()


async def _comes_up(folder: Path, clock: Clock) -> bool:
    """Whether a keeper that was being started gets there after all."""
    deadline = clock.monotonic() + START_SECONDS
    while await asyncio.to_thread(_being_started, folder) and clock.monotonic() < deadline:
        if not await asyncio.to_thread(_never_kept, folder):
            return True
        await clock.pause(LOOK_SECONDS)
    return not await asyncio.to_thread(_never_kept, folder)


def _being_started(folder: Path) -> bool:
    """Whether a process with this folder as an argument lives."""
    return any(str(folder).encode() in _arguments(one.pid) for one in processes())


def _arguments(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return []


def _fence(folder: Path, tracking: str) -> bool:
    """Make the journal in place of a keeper, so that one which is late fails before it starts the agent."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        close_journal(folder, tracking)
    except OSError:
        return False
    return b"started" not in (folder / JOURNAL).read_bytes()
