"""What stands behind the name of a branch, and all that writes or removes one: it alone, never what it leads to.

A symbolic ref is another name for another ref; whoever can write in a repository can make our branch one.
"""

import os
from typing import Final

from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Linked, Repository

_NOTHING: Final = "0"
_IS_SYMBOLIC: Final = 0
_IS_NOT: Final = 1
_IS_BROKEN: Final = 128
_NO_SUCH_REF: Final = "No such ref"


def leads_to(repository: Repository, branch: str) -> str | None:
    """The ref that a branch is only another name for, at the end of them all; None when it is none such."""
    found = _symbolic(repository, branch)
    return found[1] if found[0] == _IS_SYMBOLIC else None


def own_tip(repository: Repository, branch: str) -> str | None:
    """The commit of a branch that is a ref of its own; None when there is none of this name.

    Raises `branch_symbolic` when it is another name for another ref, and `branch_broken` when git cannot read it.
    """
    code, target = _symbolic(repository, branch)
    if code == _IS_SYMBOLIC:
        raise _another_name(repository, branch, target)
    file = repository.git_dir / _ref(branch)
    if os.path.realpath(file) != str(file) or (code == _IS_BROKEN and file.is_file()):
        sentence = f"git cannot read the branch {branch!r} of {repository.path}."
        raise WorkspaceRefused("branch_broken", sentence, f"Look at the file, and move it away: {file}")
    tip = repository.branch_tip(branch)
    if tip is None and _is_there(repository, branch):
        sentence = f"The branch {branch!r} of {repository.path} names no commit that is there."
        hint = f"git fetch origin may bring it; else: {_git(repository)} update-ref --no-deref -d {_ref(branch)}"
        raise WorkspaceRefused("branch_broken", sentence, hint)
    return tip


def kept_because(repository: Repository, branch: str) -> str | None:
    """Why a branch of this name is left as it is; None when it is one of its own, or not there."""
    try:
        own_tip(repository, branch)
    except WorkspaceRefused as refused:
        if refused.code not in ("branch_symbolic", "branch_broken"):
            raise
        return refused.sentence
    return None


def create(repository: Repository, branch: str, commit: str, message: str) -> None:
    """Make a branch that is not there. Raises `git_failed`."""
    nothing = _NOTHING * len(commit)
    _update(repository, "--create-reflog", "-m", message, _ref(branch), commit, nothing)


def check_out(repository: Repository, linked: Linked, branch: str) -> None:
    """Put a worktree on a branch, without a look at its files. Raises `git_failed`."""
    told = f"callboard: to {branch}"
    repository.git.run(repository.private_dir(linked), "symbolic-ref", "-m", told, "HEAD", _ref(branch))


def delete(repository: Repository, branch: str, tip: str) -> None:
    """Remove a branch while it is at this commit. Raises `git_failed`."""
    _update(repository, "-d", _ref(branch), tip)


def note_pushed(repository: Repository, branch: str, commit: str) -> None:
    """Remember where `origin` has a branch."""
    _update(repository, f"refs/remotes/origin/{branch}", commit)


def _update(repository: Repository, *arguments: str) -> None:
    repository.git.run(repository.git_dir, "update-ref", "--no-deref", *arguments)


def _symbolic(repository: Repository, branch: str) -> tuple[int, str]:
    asked = ("symbolic-ref", "--quiet", _ref(branch))
    try:
        found = repository.git.run(repository.git_dir, *asked, fine=(_IS_SYMBOLIC, _IS_NOT))
    except WorkspaceRefused as refused:
        if refused.code != "git_failed" or _NO_SUCH_REF not in refused.sentence:  # git itself failed: that says nothing
            raise
        return _IS_BROKEN, ""
    return found.code, found.text


def _is_there(repository: Repository, branch: str) -> bool:
    asked = ("for-each-ref", "--count=1", "--format=%(refname)", _ref(branch))
    return repository.git.run(repository.git_dir, *asked).text == _ref(branch)


def _another_name(repository: Repository, branch: str, target: str) -> WorkspaceRefused:
    sentence = f"The branch {branch!r} of {repository.path} is only another name for {target} (a symbolic ref)."
    hint = f"{_git(repository)} symbolic-ref --delete {_ref(branch)}, or take the next free name: --new-branch"
    return WorkspaceRefused("branch_symbolic", sentence, hint)


def _git(repository: Repository) -> str:
    return f"git -C {repository.path}"


def _ref(branch: str) -> str:
    return f"refs/heads/{branch}"
