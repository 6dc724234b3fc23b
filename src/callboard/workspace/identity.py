"""Which of git's worktrees is the one of a work session, and what stands at its path: told by files, not by the path.

The folder's `.git` leads to git's own folder for it, which leads back and holds what we put there. Runs nothing in such
a folder, follows no link, and changes nothing.
"""

import os
from pathlib import Path
from typing import Final, Literal

from callboard.workspace import files
from callboard.workspace.journal import Entry, Journal
from callboard.workspace.names import STATE_FILE
from callboard.workspace.refusal import MISSING_HINT, WorkspaceRefused
from callboard.workspace.repository import Linked, Repository

Stands = Literal["own", "nothing", "link", "repository", "worktree", "folder"]
WORDS: Final[dict[Stands, str]] = {
    "nothing": "nothing",
    "link": "a link",
    "repository": "another repository",
    "worktree": "another worktree",
    "folder": "another folder",
}
_MAX_POINTER_BYTES: Final = 8192
_POINTER: Final = "gitdir: "


def pointer(path: Path) -> Path | None:
    """Where the `.git` file of a folder leads to; None when there is none that can be read."""
    try:
        with files.folder(path) as handle:
            said = os.fsdecode(files.read(handle, ".git", _MAX_POINTER_BYTES) or b"").strip()
    except OSError:
        return None
    return Path(os.path.normpath(path / said.removeprefix(_POINTER))) if said.startswith(_POINTER) else None


def stands(repository: Repository, linked: Linked | None, path: Path) -> Stands:
    """What is at a path where git has a worktree, or had one: `own` when the two lead to each other."""
    if not os.path.lexists(path):
        return "nothing"
    if path.is_symlink() or os.path.realpath(path) != str(path):
        return "link"
    leads = pointer(path)
    if linked is not None and linked.path == path and leads == repository.private_dir(linked):
        return "own"
    if leads is not None:
        return "worktree"
    return "repository" if os.path.lexists(path / ".git") else "folder"


def own(repository: Repository, journal: Journal, path: Path) -> Linked | None:
    """What git knows of the worktree that was prepared at a path, also where it was moved to since."""
    known = repository.worktrees()
    entries = [entry for entry in journal.entries() if entry.path == str(path) and entry.name is not None]
    for entry in entries:
        for one in known:
            if is_of(repository, one, entry):
                return one
    if entries:
        return None
    here = [one for one in known if one.path == path or one.name == path.name]
    here.sort(key=lambda one: one.path != path)
    return next((one for one in here if state_file(repository, one) is not None), None)


def is_of(repository: Repository, linked: Linked, entry: Entry) -> bool:
    """Whether git's folder for a worktree is the one that was made for this entry, and not a later one of its name."""
    if linked.name != entry.name:
        return False
    if os.path.lexists(repository.private_dir(linked) / (entry.file_name or "-")):
        return True
    folder = files.identity(linked.path)
    return folder is None or (folder == entry.folder and repository.head(linked)[0] == entry.branch)


def own_worktree(repository: Repository, journal: Journal, path: Path) -> Linked:
    """The worktree that was prepared at a path and still is there. Raises `worktree_missing` with what is there."""
    linked = own(repository, journal, path)
    if linked is not None and linked.path == path and stands(repository, linked, path) == "own":
        return linked
    raise missing(repository, linked, path)


def missing(repository: Repository, linked: Linked | None, path: Path) -> WorkspaceRefused:
    """That a worktree is not at its path, and what is there instead."""
    return WorkspaceRefused("worktree_missing", told(repository, linked, path), MISSING_HINT)


def told(repository: Repository, linked: Linked | None, path: Path) -> str:
    """What became of the worktree of a path, in sentences."""
    what = stands(repository, None, path)
    if moved := moved_to(repository, linked, path):
        back = f" (to have it back: git -C {repository.path} worktree move {moved} {path})" if what == "nothing" else ""
        return f"The worktree {path} is now at {moved}, where git moved it{back}."
    if what == "nothing":
        return f"The worktree {path} is not there any more."
    if what == "link":
        return f"{path} is no worktree any more but a link, which is not followed."
    return f"{path} is not the worktree any more that was made there, but {WORDS[what]}, which is left alone."


def moved_to(repository: Repository, linked: Linked | None, path: Path) -> Path | None:
    """Where git has moved the worktree of a path to; None when it has not, or is not there."""
    if linked is None or linked.path == path or stands(repository, linked, linked.path) != "own":
        return None
    return linked.path


def state_file(repository: Repository, linked: Linked) -> str | None:
    """The name of the state file in git's own folder for a worktree; None when it is not of a work session."""
    try:
        with files.folder(repository.git_dir, "worktrees", linked.name) as handle:
            return next((name for name in files.names(handle) if STATE_FILE.fullmatch(name)), None)
    except OSError:
        return None
