"""What would be lost with a worktree and its branch: looked at, never guessed. Removes nothing."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from callboard.workspace import identity, refs
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Linked, Repository
from callboard.workspace.view import View, view

MOST_NAMED: Final = 5
LONGEST_TITLE: Final = 80
_MAX_STAMPED: Final = 10_000
_MAX_LISTED_BYTES: Final = 64 * 1024 * 1024
_AT_ONCE: Final = 200
_UNREADABLE: Final = "its index cannot be read, so nobody knows what was staged"


class Losses(msgspec.Struct, frozen=True, kw_only=True):
    """What is nowhere else."""

    branch: str | None
    """What the worktree is on."""
    head: str | None
    uncommitted: list[str]
    """Paths that are changed or that git does not know, as git shows them."""
    submodules: list[str]
    """Submodules with files in them, which are not looked into."""
    unpushed: int
    """Commits that are on no remote, tag or other branch."""
    titles: list[str] = []
    """The first lines of the newest of them."""
    wrong_branch: bool
    kept: str | None
    """Why the branch stays, whatever is confirmed."""
    readable: bool
    stamp: str
    """Another one, other losses."""

    @property
    def any(self) -> bool:
        """Whether anything would be lost."""
        return bool(self.uncommitted or self.submodules or self.unpushed or self.wrong_branch or not self.readable)

    @property
    def listed(self) -> list[str]:
        """Each loss in words."""
        said = [] if self.readable else [_UNREADABLE]
        if self.uncommitted:
            more = "" if len(self.uncommitted) <= MOST_NAMED else ", …"
            said.append(f"{_count(self.uncommitted)} not committed ({', '.join(self.uncommitted[:MOST_NAMED])}{more})")
        if self.submodules:
            said.append(f"submodules that were not looked into ({', '.join(self.submodules[:MOST_NAMED])})")
        if self.unpushed:
            more = ", …" if self.unpushed > len(self.titles) else ""
            named = ", ".join(f"“{title}”" for title in self.titles) + more
            many = "commit is" if self.unpushed == 1 else "commits are"
            said.append(f"{self.unpushed} {many} only here{f' ({named})' if self.titles else ''}")
        if self.wrong_branch:
            said.append(f"it is on {self.branch or 'no branch'} instead of its own branch")
        if self.kept:
            said.append(f"its branch stays: {self.kept.rstrip('.')}")
        return said

    @property
    def sentence(self) -> str:
        """All of them."""
        return "; ".join(self.listed)

    @property
    def confirmation(self) -> str:
        """What has to be repeated for exactly this to be lost."""
        return f"lose-{self.stamp[:10]}"


def losses_of(
    repository: Repository,
    linked: Linked,
    *,
    branch: str | None,
    began_at: str | None = None,
    keep_branch: bool = False,
) -> Losses:
    """What would be lost with a worktree, and with its branch unless that is kept.

    Something else that stands at its path is not looked at, and nothing of it counts.
    """
    on, head = repository.head(linked)
    if identity.stands(repository, linked, linked.path) == "own":
        paths, submodules, readable = _changes(repository, linked, head)
    else:
        paths, submodules, readable = [], [], True
    wrong = branch is not None and on != branch
    held: list[tuple[str, str | None]] = []
    if head is not None and head != began_at:
        goes = on if on == branch and not keep_branch else None
        if goes is not None or on is None:
            held.append((head, goes))
    kept = None if branch is None or not wrong else refs.kept_because(repository, branch)
    if wrong and branch is not None and not keep_branch and kept is None:
        tip = repository.branch_tip(branch)
        if tip is not None and tip != began_at:
            held.append((tip, branch))
    unpushed = sum(repository.count_only_on(*one) for one in held)
    facts = [head, on, branch, unpushed, keep_branch, readable, os.fsencode(linked.path)]
    stamp = _stamp(linked.path, map(str, facts), [*paths, *submodules])
    return Losses(
        branch=on,
        head=head,
        uncommitted=paths,
        submodules=submodules,
        unpushed=unpushed,
        titles=[title for one in held for title in titles_only_on(repository, *one)][:MOST_NAMED] if unpushed else [],
        wrong_branch=wrong,
        kept=kept,
        readable=readable,
        stamp=stamp,
    )


def uncommitted(shown: View) -> list[str]:
    """Paths that are changed or that git does not know, without what it ignores. The view's index is a copy."""
    _look_at_all(shown)
    said = shown.run(
        "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=all"
    )
    return [_shown(line[3:]) for line in said.out.split(b"\0") if len(line) > 3]


def _look_at_all(shown: View) -> None:
    """Have git look again at files that it was told to take as unchanged, or to skip, and that are there."""
    listed = shown.run("ls-files", "-v", "-z", most_bytes=_MAX_LISTED_BYTES).out.split(b"\0")
    marked = [os.fsdecode(line[2:]) for line in listed if line[:1] == b"S" or line[:1].islower()]
    there = [name for name in marked if os.path.lexists(shown.worktree / name)]
    for first in range(0, len(there), _AT_ONCE):
        for again in ("--no-assume-unchanged", "--no-skip-worktree"):
            shown.run("update-index", again, "--", *there[first : first + _AT_ONCE])


def _changes(repository: Repository, linked: Linked, head: str | None) -> tuple[list[str], list[str], bool]:
    """Changed paths, submodules, and whether git's index could be read; without it the commit stands in for it."""
    try:
        with view(repository, linked, head) as shown:
            return uncommitted(shown), _submodules(shown), True
    except WorkspaceRefused as refused:
        if refused.code != "git_failed":
            raise
    except OSError:
        pass
    with view(repository, linked, head, index=False) as shown:
        if head is not None:
            shown.run("read-tree", head)
        return uncommitted(shown), _submodules(shown), False


def _submodules(shown: View) -> list[str]:
    """Submodules whose folder holds something; git is not asked about them, it would obey their configuration."""
    staged = shown.run("ls-files", "--stage", "-z").out.split(b"\0")
    named = [line.partition(b"\t")[2] for line in staged if line.startswith(b"160000 ")]
    return [_shown(name) for name in named if _holds_something(shown.worktree / os.fsdecode(name))]


def _holds_something(path: Path) -> bool:
    try:
        with os.scandir(path) as entries:
            return any(True for _ in entries)
    except OSError:
        return path.is_symlink()


def titles_only_on(repository: Repository, commit: str, but_for_branch: str | None) -> list[str]:
    """How the newest commits begin that are nowhere else."""
    return [said[:LONGEST_TITLE] for said in repository.titles_only_on(commit, but_for_branch, MOST_NAMED)]


def check_folder(repository: Repository, linked: Linked) -> None:
    """Raises `worktree_missing` when a worktree is not at its path, whatever else is there."""
    if identity.stands(repository, linked, linked.path) != "own":
        raise identity.missing(repository, linked, linked.path)


def _stamp(root: Path, facts: Iterable[str], names: list[str]) -> str:
    digest = hashlib.sha256("\0".join(facts).encode(errors="surrogateescape"))
    for name in names[:_MAX_STAMPED]:
        digest.update(f"\0{name}\0{_state(root / name)}".encode(errors="replace"))
    return digest.hexdigest()


def _state(path: Path) -> str:
    try:
        found = path.lstat()
    except OSError:
        return "gone"
    return f"{found.st_size} {found.st_mtime_ns}"


def _shown(name: bytes) -> str:
    return name.decode(errors="replace")


def _count(paths: list[str]) -> str:
    return "1 path is" if len(paths) == 1 else f"{len(paths)} paths are"
