"""Whether a folder is a worktree that was prepared for a work session; read from git's files, never from its links."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from callboard.workspace import files
from callboard.workspace.git import Git
from callboard.workspace.journal import Journal
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Linked, Repository, open_repository

_STATE_FILE: Final = re.compile(r"work-[1-9][0-9]{0,18}\.json", re.ASCII)
_MAX_POINTER_BYTES: Final = 8192


class Workspaces:
    """The worktrees of work sessions on this machine, as one runner knows them."""

    def __init__(self, git: Git, journal: Journal, roots: Sequence[Path]) -> None:
        self._git = git
        self._journal = journal
        self._roots = roots

    def is_ours(self, real: Path) -> bool:
        """Whether this runner prepared the folder or one above it, or a repository inside its roots has it as a work
        session's.

        `real` is a path without links.
        """
        return any(self.find(folder) is not None for folder in (real, *real.parents))

    def find(self, real: Path) -> tuple[Repository, Linked, str] | None:
        """Repository, worktree and name of the state file of a folder; None when it is not ours."""
        entry = self._journal.of_worktree(real)
        repository = Path(entry.repository) if entry is not None else self._repository_of(real)
        if repository is None or not any(repository.is_relative_to(root) for root in self._roots):
            return None
        try:
            opened = open_repository(self._git, repository)
        except WorkspaceRefused:
            return None
        linked = opened.worktree_at(real)
        name = None if linked is None else _state_file(opened, linked)
        return None if linked is None or name is None else (opened, linked, name)

    def _repository_of(self, real: Path) -> Path | None:
        """The repository that a folder says it is a worktree of; that one is asked whether it is so."""
        try:
            with files.folder(real) as handle:
                pointer = files.read(handle, ".git", _MAX_POINTER_BYTES)
        except OSError:
            return None
        said = os.fsdecode(pointer or b"").strip()
        place = Path(os.path.normpath(real / said.removeprefix("gitdir: ")))
        fits = said.startswith("gitdir: ") and place.parent.name == "worktrees" and place.parent.parent.name == ".git"
        return Path(os.path.realpath(place.parent.parent.parent)) if fits else None


def _state_file(repository: Repository, linked: Linked) -> str | None:
    try:
        with files.folder(repository.git_dir, "worktrees", linked.name) as handle:
            return next((name for name in files.names(handle) if _STATE_FILE.fullmatch(name)), None)
    except OSError:
        return None
