"""Whether a folder is a worktree that was prepared for a work session; read from git's files, never from its links."""

import os
from collections.abc import Sequence
from pathlib import Path

from callboard.workspace import identity
from callboard.workspace.git import Git
from callboard.workspace.journal import Journal
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Linked, Repository, open_repository


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
        return any(self._own(folder) is not None for folder in (real, *real.parents))

    def find(self, real: Path) -> tuple[Repository, Linked, str] | None:
        """Repository, worktree and name of the state file of a folder; None when it is not ours."""
        found = self._own(real)
        name = None if found is None else identity.state_file(*found)
        return None if found is None or name is None else (*found, name)

    def missing(self, repository: Path, path: Path) -> str | None:
        """What is at the path of a worktree instead of it, in sentences; None when it, or a folder of it, is there."""
        if self.is_ours(path):
            return None
        try:
            opened = open_repository(self._git, repository)
        except WorkspaceRefused as refused:
            return refused.sentence
        return identity.told(opened, identity.own(opened, self._journal, path), path)

    def _own(self, real: Path) -> tuple[Repository, Linked] | None:
        entry = self._journal.of_worktree(real)
        repository = Path(entry.repository) if entry is not None else _repository_of(real)
        if repository is None or not any(repository.is_relative_to(root) for root in self._roots):
            return None
        try:
            opened = open_repository(self._git, repository)
            return opened, identity.own_worktree(opened, self._journal, real)
        except WorkspaceRefused:
            return None


def _repository_of(real: Path) -> Path | None:
    """The repository that a folder says it is a worktree of; that one is asked whether it is so."""
    place = identity.pointer(real)
    fits = place is not None and place.parent.name == "worktrees" and place.parent.parent.name == ".git"
    return Path(os.path.realpath(place.parent.parent.parent)) if place is not None and fits else None
