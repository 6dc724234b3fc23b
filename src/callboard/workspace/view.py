"""A git directory of our own that looks at a repository's objects and at one worktree.

Nothing of the repository's configuration, hooks or attributes of its git directory exists in it, so no filter, external
diff or other program of theirs can be named, whoever changes their configuration meanwhile.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from callboard.workspace import files
from callboard.workspace.git import OUTPUT_BYTES, SECONDS, Git, Output
from callboard.workspace.names import is_commit
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Linked, Repository

MAX_INDEX_BYTES: Final = 512 * 1024 * 1024
_COPIED: Final = (
    r"^(core\.(autocrlf|eol|ignorecase|filemode|symlinks|precomposeunicode|protecthfs|protectntfs)"
    r"|extensions\.objectformat)$"
)
_HARMLESS: Final = re.compile(r"[a-z0-9]{1,10}", re.ASCII)


@dataclass(frozen=True)
class View:
    """Runs git on a worktree as the view shows it. `index` is the one that git reads and writes."""

    git: Git
    folder: Path
    worktree: Path
    index: Path

    def run(
        self,
        *arguments: str,
        fine: Collection[int] = (0,),
        seconds: float = SECONDS,
        most_bytes: int = OUTPUT_BYTES,
    ) -> Output:
        """The output of git in the worktree."""
        return self.git.run(
            self.folder,
            f"--work-tree={self.worktree}",
            "-C",
            str(self.worktree),
            *arguments,
            variables={"GIT_INDEX_FILE": str(self.index)},
            fine=fine,
            seconds=seconds,
            most_bytes=most_bytes,
        )


@contextmanager
def bare_view(repository: Repository, settings: str = "") -> Iterator[Path]:
    """A git directory of ours with the objects of a repository; `settings` are lines of its configuration."""
    folder = Path(tempfile.mkdtemp(prefix="view-", dir=repository.git.home))
    try:
        for inner in ("objects/info", "refs/heads"):
            (folder / inner).mkdir(parents=True)
        objects = str(repository.git_dir / "objects")
        if "\n" in objects:
            raise WorkspaceRefused("invalid_name", f"{objects!r} holds a line end.")
        (folder / "objects" / "info" / "alternates").write_text(
            objects + "\n", encoding="utf-8", errors="surrogateescape"
        )
        (folder / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
        (folder / "config").write_text(_config(repository) + settings, encoding="utf-8")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def view(
    repository: Repository, linked: Linked, head: str | None, *, writes: bool = False, index: bool = True
) -> Iterator[View]:
    """A view of a worktree at a commit. With `writes` git's index of the worktree is the real one, else a copy of it,
    or with `index=False` an empty one."""
    with bare_view(repository) as folder:
        if head is not None and is_commit(head):
            (folder / "HEAD").write_text(head + "\n", encoding="ascii")
        used = repository.private_dir(linked) / "index" if writes else folder / "index"
        if index and not writes:
            _copy_index(repository, linked, used)
        yield View(repository.git, folder, linked.path, used)


def _copy_index(repository: Repository, linked: Linked, target: Path) -> None:
    with files.folder(repository.git_dir, "worktrees", linked.name) as handle:
        content = files.read(handle, "index", MAX_INDEX_BYTES)
        times = os.stat("index", dir_fd=handle, follow_symlinks=False) if content is not None else None
    if content is not None and times is not None:
        target.write_bytes(content)
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))  # git trusts what is older than its index


def _config(repository: Repository) -> str:
    """Those settings of the repository that say how files lie on this disk; their values are single plain words."""
    found = repository.git.run(repository.git_dir, "config", "-z", "--get-regexp", _COPIED, fine=(0, 1))
    said = dict(pair.split("\n", 1) for pair in found.out.decode(errors="replace").split("\0") if "\n" in pair)
    plain = {name: value.lower() for name, value in said.items() if _HARMLESS.fullmatch(value.lower())}
    object_format = plain.pop("extensions.objectformat", None)
    lines = ["[core]", f"repositoryformatversion = {0 if object_format is None else 1}", "bare = false"]
    lines += [f"{name.removeprefix('core.')} = {value}" for name, value in plain.items()]
    if object_format is not None:
        lines += ["[extensions]", f"objectformat = {object_format}"]
    return "\n".join(lines) + "\n"
