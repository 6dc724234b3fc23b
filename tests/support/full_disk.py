"""A folder without room, for a process that writes there."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

SMALL_BYTES: Final = 2_000_000


class FullDisk(NamedTuple):
    """`code`: how a runner is refused there; a limit on files is no full disk to git."""

    code: str
    make_room: Callable[[], object]


@contextmanager
def full_disk(folder: Path, pid: int) -> Iterator[FullDisk]:
    """A new folder that takes less than 2 MB of this process until room is made: a file system of its own where that
    may be mounted, else a limit on the size of files."""
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(argv, capture_output=True, check=False).returncode == 0:
        larger = ["mount", "-o", f"remount,size={10 * SMALL_BYTES}", str(folder)]
        try:
            yield FullDisk("disk_full", partial(subprocess.run, larger, check=True))
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
        return
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (SMALL_BYTES, before[1]))
    try:
        yield FullDisk("git_failed", partial(resource.prlimit, pid, resource.RLIMIT_FSIZE, before))
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
