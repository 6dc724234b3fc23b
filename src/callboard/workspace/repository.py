"""One repository as it is found at a path: its facts, branches and worktrees, and the lock for those who change it.

Asks git and reads git's own small files; changes nothing.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Final

import msgspec

from callboard.workspace import files
from callboard.workspace.git import Git
from callboard.workspace.names import check_branch, is_commit, without_credentials
from callboard.workspace.refusal import WorkspaceRefused

LOCK_FILE: Final = "callboard.lock"
LOCK_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.05
_SMALL_FILE_BYTES: Final = 8192
_MAX_WORKTREES: Final = 2000
_MAX_SYMBOLIC: Final = 200
"""With more of them nothing counts as held elsewhere."""
_GOES_ON: Final = ((("rebase-merge",), "head-name"), (("rebase-apply",), "head-name"), ((), "BISECT_START"))
"""git's files that name the branch which a rebase or a bisection comes back to."""
_KINDS: Final = {"--remotes": "refs/remotes/", "--tags": "refs/tags/", "--branches": "refs/heads/"}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a project is made of. `remote_url` is without credentials."""

    name: str
    path: str
    default_branch: str | None
    remote_url: str | None


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """A worktree as git's own folder for it (`.git/worktrees/NAME`) tells."""

    name: str
    path: Path
    locked: bool


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """Where work begins."""

    branch: str
    commit: str


@dataclass(frozen=True)
class Repository:
    """A repository with files of its own; `git_dir` is what its worktrees share."""

    git: Git
    path: Path

    @property
    def git_dir(self) -> Path:
        """The git directory that all worktrees share."""
        return self.path / ".git"

    def facts(self) -> Facts:
        """Name, default branch and remote."""
        return Facts(
            name=self.path.name,
            path=str(self.path),
            default_branch=self.default_branch(),
            remote_url=self.remote_url(),
        )

    def default_branch(self) -> str | None:
        """What `origin` calls its HEAD, else the branch that is checked out; None when neither is known."""
        for name, prefix in (("refs/remotes/origin/HEAD", "refs/remotes/origin/"), ("HEAD", "refs/heads/")):
            found = self.git.run(self.git_dir, "symbolic-ref", "--quiet", name, fine=(0, 1)).text
            if found.startswith(prefix):
                return found.removeprefix(prefix)
        return None

    def remote_url(self) -> str | None:
        """Where `origin` is, without credentials; None when there is none that is pushed to."""
        found = self.git.run(self.git_dir, "config", "--get", "remote.origin.url", fine=(0, 1, 2))
        return without_credentials(found.text) if found.code == 0 else None

    def has_remote(self) -> bool:
        """Whether there is an `origin`, wherever it is."""
        return self.git.run(self.git_dir, "config", "--get", "remote.origin.url", fine=(0, 1, 2)).code == 0

    def is_ahead(self, commit: str, branch: str) -> bool:
        """Whether a commit has something in its history that a branch, here or at `origin`, has not."""
        names = (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}")
        known = [found for name in names if (found := self.commit_of(name))]
        listed = self.git.run(self.git_dir, "rev-list", "--max-count=1", commit, "--not", *known)
        return bool(listed.out)

    def commit_of(self, ref: str) -> str | None:
        """The commit of a whole reference name (`refs/…`), None when there is none. A git that fails says neither.

        Of this ref alone: asked for one that is not there, `rev-parse` would take a tag that is called `refs/…`.
        """
        asked = ("for-each-ref", "--count=1", "--format=%(refname) %(objectname)", ref)
        name, _, held = self.git.run(self.git_dir, *asked).text.partition(" ")
        return self._commit(held) if name == ref and is_commit(held) else None

    def _commit(self, name: str) -> str | None:
        asked = f"{name}^{{commit}}"
        found = self.git.run(self.git_dir, "rev-parse", "--verify", "--quiet", "--end-of-options", asked, fine=(0, 1))
        return found.text if found.code == 0 and is_commit(found.text) else None

    def branch_tip(self, branch: str) -> str | None:
        """The commit of a local branch; None when there is no such branch."""
        return self.commit_of(f"refs/heads/{branch}")

    def current_branch(self) -> str | None:
        """The branch that is checked out in the repository itself; None for a detached HEAD."""
        ref = self.git.run(self.git_dir, "symbolic-ref", "--quiet", "HEAD", fine=(0, 1)).text
        return ref.removeprefix("refs/heads/") or None

    def beside(self, branch: str) -> str | None:
        """A branch that allows no new `BRANCH` beside it: one such as `BRANCH/x`, or one that differs in case alone."""
        asked = ("for-each-ref", "--count=1", "--ignore-case", "--format=%(refname)", f"refs/heads/{branch}")
        return self.git.run(self.git_dir, *asked).text.removeprefix("refs/heads/") or None

    def base(self, asked: str | None) -> Base:
        """The branch to begin at, and its commit: the local one, else that of `origin`."""
        if self.git.run(self.git_dir, "rev-parse", "--is-bare-repository").text == "true":
            raise WorkspaceRefused("bare_repository", f"{self.path} is a bare repository.", "Name a clone of it.")
        branch = check_branch(asked) if asked else self.default_branch()
        if branch is None:
            sentence = f"{self.path} is on no branch, so that nobody knows where to begin."
            raise WorkspaceRefused("detached_head", sentence, "Name the branch to begin at: --base BRANCH.")
        commit = self.branch_tip(branch) or self.commit_of(f"refs/remotes/origin/{branch}")
        if commit is None:
            raise self._without_base(branch)
        return Base(branch=branch, commit=commit)

    def _without_base(self, branch: str) -> WorkspaceRefused:
        if not self.git.run(self.git_dir, "for-each-ref", "--count=1").out and self._commit("HEAD") is None:
            return WorkspaceRefused("empty_repository", f"{self.path} has no commit yet.", "Make a first commit.")
        shallow = self.git.run(self.git_dir, "rev-parse", "--is-shallow-repository").text == "true"
        hint = "git fetch --unshallow" if shallow else f"git fetch origin {branch}, or name another: --base BRANCH."
        kind = "a shallow clone without" if shallow else "without"
        return WorkspaceRefused("base_missing", f"{self.path} is {kind} the branch {branch!r}.", hint)

    def worktrees(self) -> list[Linked]:
        """The worktrees that git knows besides the repository itself; unreadable ones are left out."""
        found: list[Linked] = []
        with suppress(OSError), files.folder(self.git_dir, "worktrees") as handle:
            for name in files.names(handle)[:_MAX_WORKTREES]:
                with suppress(OSError), files.folder(self.git_dir, "worktrees", name) as inner:
                    if linked := self._linked(name, inner):
                        found.append(linked)
        return found

    def worktree_at(self, path: Path) -> Linked | None:
        """What git knows of the worktree at a path."""
        return next((one for one in self.worktrees() if one.path == path), None)

    def private_dir(self, linked: Linked) -> Path:
        """git's own folder for a worktree."""
        return self.git_dir / "worktrees" / linked.name

    def head(self, linked: Linked) -> tuple[str | None, str | None]:
        """Branch and commit of a worktree; None for a detached HEAD, and for a branch without a commit.

        Both are None where git has no worktree that can be read.
        """
        private = self.private_dir(linked)
        found = self.git.run(private, "symbolic-ref", "--quiet", "HEAD", fine=(0, 1, 128))
        if found.code == 128:
            return None, None
        if found.text:
            return found.text.removeprefix("refs/heads/"), self.commit_of(found.text)
        commit = self.git.run(private, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", fine=(0, 1)).text
        return None, commit if is_commit(commit) else None

    def used_at(self, branch: str, but_for: Path | None = None) -> Path | None:
        """Where a branch is checked out, rebased or bisected, by whatever name: the repository itself or a worktree."""
        ref = f"refs/heads/{branch}"
        if self.current_branch() == branch or self._comes_back_to(ref):
            return self.path
        for one in self.worktrees():
            if one.path == but_for:
                continue
            on = self.git.run(self.private_dir(one), "symbolic-ref", "--quiet", "HEAD", fine=(0, 1, 128))
            if (on.code == 0 and on.text == ref) or self._comes_back_to(ref, "worktrees", one.name):
                return one.path
        return None

    def _comes_back_to(self, ref: str, *below: str) -> bool:
        """Whether a rebase or a bisection that is not over began on a branch."""
        for folders, name in _GOES_ON:
            with suppress(OSError), files.folder(self.git_dir, *below, *folders) as handle:
                said = (files.read(handle, name, _SMALL_FILE_BYTES) or b"").decode(errors="replace").strip()
                if said in (ref, ref.removeprefix("refs/heads/")):
                    return True
        return False

    def count_only_on(self, commit: str, but_for_branch: str | None) -> int:
        """How many commits of a history are on no remote, tag or branch, but for one branch that does not count."""
        listed = self.git.run(self.git_dir, "rev-list", "--count", *self._only_on(commit, but_for_branch))
        return int(listed.text)

    def titles_only_on(self, commit: str, but_for_branch: str | None, most: int) -> list[str]:
        """The first lines of the newest of those commits."""
        asked = (f"--max-count={most}", "--format=%s", *self._only_on(commit, but_for_branch))
        return self.git.run(self.git_dir, "rev-list", *asked).text.split("\n")[1::2]

    def _only_on(self, commit: str, but_for_branch: str | None) -> list[str]:
        """What names them to git."""
        others = self._symbolic_refs()
        held_by = ["--not"] if len(others) <= _MAX_SYMBOLIC else []
        for kind, prefix in _KINDS.items() if held_by else ():
            left_out = [name.removeprefix(prefix) for name in others if name.startswith(prefix)]
            if kind == "--branches" and but_for_branch is not None:
                left_out.append(but_for_branch)
            held_by += [*(f"--exclude={name}" for name in left_out), kind]
        return ["--ignore-missing", commit, *held_by]

    def _symbolic_refs(self) -> list[str]:
        """Refs that are only other names: they hold nothing that what they lead to does not hold."""
        shape = "--format=%(if)%(symref)%(then)%(refname)%(end)"
        return self.git.run(self.git_dir, "for-each-ref", shape, *_KINDS.values()).text.split()

    def _linked(self, name: str, handle: int) -> Linked | None:
        pointer = files.read(handle, "gitdir", _SMALL_FILE_BYTES)
        if not pointer or not pointer.strip():
            return None
        said = os.fsdecode(pointer.rstrip(b"\n"))
        place = Path(os.path.normpath(self.git_dir / "worktrees" / name / said))
        return Linked(name=name, path=place.parent, locked=_is_there(handle, "locked"))

    @contextmanager
    def locked(self) -> Iterator["Repository"]:
        """Alone among all who prepare, ship or remove here; what git does meanwhile is part of it.

        Raises `repository_busy` after a bounded wait.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with files.folder(self.git_dir) as handle:
                lock = os.open(LOCK_FILE, flags, 0o600, dir_fd=handle)
        except OSError as cause:
            raise WorkspaceRefused("files_failed", f"{self.git_dir / LOCK_FILE}: {cause}.") from cause
        try:
            _wait_for(lock, self.path, self.git.stop)
            yield replace(self, git=self.git.holding(lock))
        finally:
            os.close(lock)


def open_repository(git: Git, path: Path) -> Repository:
    """The repository whose files are in this folder. Raises WorkspaceRefused when it is none that can be worked in."""
    real = Path(os.path.realpath(path))
    inner = real / ".git"
    if inner.is_symlink():
        raise WorkspaceRefused("link_refused", f"{inner} is a link.", "Name the repository that it leads to.")
    if inner.is_file():
        sentence = f"{real} is a worktree or a submodule of another repository."
        raise WorkspaceRefused("linked_worktree", sentence, "Name that repository itself.")
    if not inner.is_dir():
        bare = (real / "HEAD").is_file() and (real / "objects").is_dir()
        code = "bare_repository" if bare else "not_a_repository"
        what = "a bare repository" if bare else "no repository of git"
        raise WorkspaceRefused(code, f"{real} is {what}.", "Name the folder that holds `.git`.")
    return Repository(git, real)


def _wait_for(lock: int, path: Path, stop: Event) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                sentence = f"Another process works in {path}."
                raise WorkspaceRefused("repository_busy", sentence, "Try again when it is done.") from None
        if stop.wait(_LOOK_SECONDS):
            raise WorkspaceRefused("interrupted", "The runner is ending.")


def _is_there(handle: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=handle, follow_symlinks=False)
    except OSError:
        return False
    return True
