"""Where a worktree may be made: below what the runner may use, never through a link, never over something."""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from callboard.workspace.names import check_folder_name
from callboard.workspace.refusal import WorkspaceRefused

_MAX_NEIGHBOURS: Final = 100_000


def worktree_root(repository: Path, asked: str | None, roots: Sequence[Path]) -> Path:
    """The real folder that worktrees of a repository are made in. Raises `outside_roots` or `link_refused`."""
    if asked is None:
        return repository.parent
    wanted = Path(os.path.normpath(repository / asked))
    if not wanted.is_dir():
        raise WorkspaceRefused("files_failed", f"{wanted} is no folder.", f"mkdir -p {wanted}")
    real = Path(os.path.realpath(wanted))
    if wanted.is_relative_to(repository) and real != wanted:
        raise WorkspaceRefused("link_refused", f"{wanted} leads out of the repository to {real}.")
    if real != repository.parent and not any(real.is_relative_to(root) for root in (*roots, repository)):
        sentence = f"Worktrees would be made in {real}, which is outside this runner's roots."
        raise WorkspaceRefused("outside_roots", sentence, f'Add it: [runner] roots = ["{real}"]')
    return real


def free_place(root: Path, name: str) -> Path | None:
    """Where a folder of this name would be; None when something is there, also by another spelling of the name."""
    place = root / check_folder_name(name)
    if os.path.lexists(place):
        return None
    wanted = _folded(name)
    with os.scandir(root) as entries:
        for count, entry in enumerate(entries):
            if count > _MAX_NEIGHBOURS or _folded(entry.name) == wanted:
                return None
    return place


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
