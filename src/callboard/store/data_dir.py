"""The directory that holds a coordinator's database and secrets: private, local, used by one process at a time."""

import fcntl
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from callboard.store.database import StoreRefused

LOCK_NAME: Final = "lock"
DATABASE_NAME: Final = "callboard.db"


class DirectoryInUse(StoreRefused):
    """Another process serves from this directory."""


class DataDirectory:
    """A data directory that this process has locked; the lock ends with release or with the process."""

    def __init__(self, path: Path) -> None:
        """Makes the directory (0700) if needed and locks it. StoreRefused, DirectoryInUse."""
        self.path = private_directory(path)
        self._lock = _open_private(self.path / LOCK_NAME, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            os.close(self._lock)
            raise DirectoryInUse(
                f"Another coordinator{f' (process {holder})' if holder else ''} uses {self.path}.",
                hint="Stop it first, or choose another directory with --data-dir.",
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    @property
    def database_path(self) -> Path:
        """Where the database is."""
        return self.path / DATABASE_NAME

    def release(self) -> None:
        """Lets another process have the directory; harmless when repeated."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def private_directory(path: Path) -> Path:
    """The directory, made with its parents if needed, with mode 0700, as an absolute path. StoreRefused."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise StoreRefused(f"The data directory {path} cannot be made: {error.strerror}.") from error
    if not stat.S_ISDIR(found.st_mode):
        raise StoreRefused(f"The data directory {path} is a link, not a directory.", hint="Name the real directory.")
    if found.st_uid != os.geteuid():
        raise StoreRefused(f"The data directory {path} belongs to another user.", hint="Choose one of your own.")
    if stat.S_IMODE(found.st_mode) != 0o700:
        path.chmod(0o700)
    return path.parent.resolve() / path.name


def read_private_file(path: Path) -> str | None:
    """The text of a file that only we may read; None when there is none. StoreRefused for links."""
    try:
        descriptor = _open_private(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, encoding="utf-8") as file:
        return file.read()


def write_private_file(path: Path, text: str) -> None:
    """Writes a file of mode 0600 whole or not at all; a link in its place is replaced, not followed."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = _open_private(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _open_private(path: Path, flags: int) -> int:
    """A descriptor of a regular file of ours with mode 0600. FileNotFoundError, StoreRefused."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreRefused(
            f"{path} cannot be used: {error.strerror}.", hint="It must be a file, not a link."
        ) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        os.close(descriptor)
        raise StoreRefused(f"{path} is not a file of ours.")
    if stat.S_IMODE(found.st_mode) != 0o600:
        os.fchmod(descriptor, 0o600)
    return descriptor
