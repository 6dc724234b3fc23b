"""What was begun for which session, on the disk before it is done, so that a later process can undo exactly that.

One file for each session, `<folder>/<session_id>.json`. Does nothing in a repository.
"""

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from callboard.wire.jobs import Prepared
from callboard.workspace import files
from callboard.workspace.names import check_session
from callboard.workspace.refusal import WorkspaceRefused

MAX_ENTRY_BYTES: Final = 16 * 1024 * 1024
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_RIGHT: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_FILE: Final = re.compile(r"([A-Za-z0-9_]{1,64})\.json", re.ASCII)


class Entry(msgspec.Struct, kw_only=True):
    """A preparation. What `begun` names may have been done; what it does not name was not."""

    session_id: str
    repository: str
    path: str
    branch: str
    base_commit: str
    begun: list[Literal["folder", "branch", "worktree", "state_file"]] = []
    folder: tuple[int, int] | None = None
    """Device and number of the worktree's folder, once it was made."""
    names_before: list[str] = []
    """git's folders for worktrees that were there before ours."""
    name: str | None = None
    """git's folder for our worktree, once it is known."""
    file_name: str = ""
    """Of the state file."""
    prepared: Prepared | None = None
    """Set when everything was made; from then on a worker may have been here."""


class Journal:
    """The entries of one runner, in a private folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, entry: Entry) -> None:
        """Make an entry durable. Raises `files_failed` or `disk_full`."""
        self._write(_name(entry.session_id), msgspec.json.encode(entry))

    def _write(self, name: str, content: bytes) -> None:
        try:
            with files.folder(self.folder) as handle:
                files.write(handle, name, content)
        except OSError as cause:
            raise failed_files(cause, self.folder) from cause

    def find(self, session_id: str) -> Entry | None:
        """The entry of a session; None when there is none that can be read."""
        try:
            with files.folder(self.folder) as handle:
                content = files.read(handle, _name(session_id), MAX_ENTRY_BYTES)
            return None if content is None else msgspec.json.decode(content, type=Entry)
        except (OSError, msgspec.DecodeError):
            return None

    def forget(self, session_id: str) -> None:
        """Remove an entry, if there is one."""
        (self.folder / _name(session_id)).unlink(missing_ok=True)

    def count(self) -> int:
        """How many entries there are: worktrees that were begun, and not removed since."""
        return sum(1 for path in self.folder.iterdir() if _FILE.fullmatch(path.name))

    def entries(self) -> Iterator[Entry]:
        """All entries, in the order of their sessions' ids."""
        for path in sorted(self.folder.iterdir()):
            found = _FILE.fullmatch(path.name)
            entry = self.find(found[1]) if found else None
            if entry is not None:
                yield entry

    def begin_removal(self, path: Path, identity: tuple[int, int], job_id: str) -> None:
        """Note that a job removes a folder, so that the same job can remove whole what it had half removed."""
        self._write(_removal(path), msgspec.json.encode([*identity, job_id]))

    def removes(self, path: Path, identity: tuple[int, int] | None, job_id: str) -> bool:
        """Whether this job had begun to remove this very folder."""
        try:
            with files.folder(self.folder) as handle:
                noted = msgspec.json.decode(files.read(handle, _removal(path), MAX_ENTRY_BYTES) or b"null")
        except (OSError, msgspec.DecodeError):
            return False
        return identity is not None and noted == [*identity, job_id]

    def end_removal(self, path: Path) -> None:
        """The folder is gone."""
        (self.folder / _removal(path)).unlink(missing_ok=True)

    def of_worktree(self, path: Path) -> Entry | None:
        """The entry of a worktree that was prepared at this path."""
        return next((one for one in self.entries() if one.path == str(path)), None)


def no_room(path: Path) -> WorkspaceRefused:
    """The disk is full."""
    return WorkspaceRefused("disk_full", f"There is no room on the disk of {path}.", "Free some, and try again.")


def failed_files(cause: OSError, path: Path) -> WorkspaceRefused:
    """What an error of the file system means."""
    if cause.errno in _FULL:
        return no_room(path)
    hint = f"Let the runner's user write there: {path}" if cause.errno in _NO_RIGHT else ""
    return WorkspaceRefused("files_failed", f"{path}: {cause.strerror or cause}.", hint)


def _name(session_id: str) -> str:
    return f"{check_session(session_id)}.json"


def _removal(path: Path) -> str:
    return f"removal-{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}"
