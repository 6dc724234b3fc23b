"""Whether a file of a database may live where it is: decisions over values, and the reading of those values."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Final

import psutil

from callboard.store.database import StoreRefused

OLDEST_SQLITE: Final = (3, 51, 3)
"""Earlier ones can corrupt a database in WAL mode when a checkpoint meets a restart of the log."""

# fmt: off
_NETWORK: Final = frozenset({
    "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs", "gfs2", "glusterfs",
    "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "pvfs2", "smb2", "smb3", "smbfs", "webdav",
})
# fmt: on
_NETWORK_IN_USER_SPACE: Final = ("ceph", "davfs", "gcsfuse", "gluster", "nfs", "rclone", "s3fs", "smb", "sshfs")


def refuse_old_sqlite(version: str) -> None:
    """StoreRefused when this SQLite library has the corruption bug of its write-ahead log."""
    if tuple(int(part) for part in version.split(".")[:3]) < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise StoreRefused(
            f"SQLite {version} can corrupt its write-ahead log; {needed} or newer is needed.",
            hint="Install a newer apsw, which brings its own SQLite.",
        )


def refuse_network(path: PurePath, file_system: str) -> None:
    """StoreRefused when the file system of the path is reached over a network, where locks and mapped memory lie."""
    kind = file_system.lower()
    in_user_space = kind.startswith("fuse") and any(name in kind for name in _NETWORK_IN_USER_SPACE)
    if kind in _NETWORK or in_user_space:
        raise StoreRefused(
            f"{path} is on a network file system ({file_system}), where SQLite would corrupt the database.",
            hint="Put the data directory on a local disk (--data-dir), or use PostgreSQL.",
        )


def file_system_of(path: PurePath, mounts: Iterable[tuple[str, str]]) -> str:
    """The type of file system that holds an absolute path, of (mount point, type) in mounting order; '' if unknown."""
    best, found = -1, ""
    for point, kind in mounts:
        depth = len(PurePath(point).parts)
        if depth >= best and path.is_relative_to(point):
            best, found = depth, kind
    return found


def check_place(path: Path, sqlite_version: str) -> None:
    """StoreRefused when a database at this path would not be safe."""
    refuse_old_sqlite(sqlite_version)
    real = Path(os.path.realpath(path))
    refuse_network(real, file_system_of(real, _mounts()))


def _mounts() -> list[tuple[str, str]]:
    """What is mounted where; nothing where the machine does not tell."""
    try:
        return [(mount.mountpoint, mount.fstype) for mount in psutil.disk_partitions(all=True)]
    except OSError:
        return []
