"""Reading, writing and removing in folders that others may have tampered with: links are never followed."""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from callboard.workspace.refusal import WorkspaceRefused

FULL_BYTES: Final = 65_536
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def folder(root: Path, *below: str) -> Iterator[int]:
    """A handle on a folder below one that is trusted, each step taken without following a link. Raises OSError."""
    handle = os.open(root, _FOLDER)
    try:
        for name in below:
            inner = os.open(name, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def names(handle: int) -> list[str]:
    """What is in a folder, sorted."""
    with os.scandir(handle) as entries:
        return sorted(entry.name for entry in entries)


def read(handle: int, name: str, most_bytes: int) -> bytes | None:
    """What a regular file in a folder holds; None when there is none. OSError when it is a link or too long."""
    try:
        opened = os.open(name, _READ, dir_fd=handle)
    except FileNotFoundError:
        return None
    with os.fdopen(opened, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > most_bytes:
            raise OSError(f"{name} is no regular file of at most {most_bytes} bytes")
        return file.read(most_bytes)


def write(handle: int, name: str, content: bytes) -> None:
    """Replace a file in a folder at once, mode 0600; it is on the disk when this returns. Raises OSError."""
    new = f".{name}.{secrets.token_hex(6)}"
    opened = os.open(new, _WRITE, 0o600, dir_fd=handle)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(new, name, src_dir_fd=handle, dst_dir_fd=handle)
        os.fsync(handle)
    except OSError:
        with suppress(OSError):
            os.unlink(new, dir_fd=handle)
        raise


def identity(path: Path) -> tuple[int, int] | None:
    """Device and number of a folder; None when the path is no folder, or a link."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def is_full(path: Path) -> bool:
    """Whether the disk of a path has no room for anything; git does not always say so."""
    try:
        found = os.statvfs(path)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < FULL_BYTES or (found.f_files > 0 and found.f_favail == 0)


def remove_tree(path: Path) -> None:
    """Remove a folder and what is below it; of links the links. Raises `link_refused` and `files_failed`."""
    remove_below(path.parent, path.name)


def remove_below(root: Path, *names: str) -> None:
    """Remove the last of these folders, each of which is one in the one before; no step follows a link."""
    path = root.joinpath(*names)
    if not os.path.lexists(path):
        return
    try:
        with folder(root, *names[:-1]) as handle:
            _remove(handle, names[-1], path)
    except OSError as cause:
        raise WorkspaceRefused("files_failed", f"{path} could not be removed whole: {cause}.") from cause


def _remove(handle: int, name: str, path: Path) -> None:
    found = os.stat(name, dir_fd=handle, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        raise WorkspaceRefused("link_refused", f"{path} is a link; it was not followed.")
    if not shutil.rmtree.avoids_symlink_attacks:
        raise WorkspaceRefused("files_failed", f"{path} cannot be removed safely on this system.")
    _open_up(handle, name)
    shutil.rmtree(name, dir_fd=handle)


def _open_up(parent: int, name: str) -> None:
    """Folders that their owner has closed to himself are opened, so that they can be removed."""
    with suppress(OSError):
        for _, inner, _, handle in os.fwalk(name, dir_fd=parent, follow_symlinks=False):
            for one in inner:
                found = os.stat(one, dir_fd=handle, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode) and found.st_mode & 0o700 != 0o700:
                    os.chmod(one, 0o700, dir_fd=handle)
