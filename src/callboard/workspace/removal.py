"""Lists worktrees, and removes one with its branch: only what is nowhere else lost, and that only when confirmed."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from callboard.wire.jobs import ListWorktrees, Remove, Removed, Worktree
from callboard.workspace import files, refs
from callboard.workspace.journal import Entry, Journal
from callboard.workspace.names import check_branch
from callboard.workspace.proof import losses_of
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Linked, Repository

MAX_LISTED: Final = 200


def list_worktrees(repository: Repository, journal: Journal, order: ListWorktrees) -> list[Worktree]:
    """The worktrees whose folder's name begins with the prefix, with what is only there; and what is half made.

    Of those in which work goes on also the ones of which nothing is left. Changes nothing.

    Without a prefix it is the one that worktrees have when nobody says another: the repository's name and `-`.
    """
    prefix = order.prefix or f"{repository.path.name}-"
    half_made = {entry.path: entry for entry in journal.entries() if _is_half_made(repository, entry)}
    fitting = [one for one in repository.worktrees() if one.path.name.startswith(prefix)]
    whole = [_listed(repository, one) for one in fitting if str(one.path) not in half_made]
    told = {*half_made, *(one.path for one in whole)}
    gone = [_gone(path) for path in order.known if path not in told and not os.path.lexists(path)]
    return [*map(_left, half_made.values()), *gone, *whole][:MAX_LISTED]


def remove(repository: Repository, journal: Journal, order: Remove, job_id: str) -> Removed:
    """Remove a worktree, and its branch if that is ours and nothing else needs it.

    Raises `work_would_be_lost` with the value to confirm, unless that was given. Links are not followed.
    """
    with repository.locked() as ours:
        path = Path(order.path)
        branch = check_branch(order.branch) if order.branch else None
        linked = ours.worktree_at(path)
        if linked is None:
            return _without_worktree(ours, journal, order, branch)
        if linked.locked:
            sentence = f"The worktree {path} is locked."
            raise WorkspaceRefused("worktree_locked", sentence, f"git worktree unlock {path}")
        goes = None if order.keep_branch else branch
        judged = None if goes is None or refs.kept_because(ours, goes) else refs.own_tip(ours, goes)
        lost = _what_is_lost(ours, journal, linked, order, job_id)
        files.remove_tree(path)
        journal.end_removal(path)
        files.remove_below(ours.git_dir, "worktrees", linked.name)
        _remove_empty(ours)
        kept = None if goes is None else refs.kept_because(ours, goes) or _moved(ours, goes, judged)
        removed = goes is not None and kept is None and _remove_branch(ours, goes, judged)
        _forget(journal, path)
        return Removed(path=str(path), branch_removed=removed, branch_kept=kept, lost=lost)


def _is_half_made(repository: Repository, entry: Entry) -> bool:
    """Whether something of a preparation that is not whole is there."""
    ours = entry.prepared is None and entry.repository == str(repository.path)
    return ours and (os.path.lexists(entry.path) or ("branch" in entry.begun and _has_branch(repository, entry)))


def _has_branch(repository: Repository, entry: Entry) -> bool:
    try:
        return repository.branch_tip(entry.branch) is not None
    except WorkspaceRefused:  # git does not say: as the journal has it
        return True


def _gone(path: str) -> Worktree:
    return Worktree(path=path, branch=None, head=None, uncommitted=0, unpushed=0, missing=True)


def _left(entry: Entry) -> Worktree:
    there = os.path.lexists(entry.path)
    return Worktree(
        path=entry.path,
        branch=entry.branch,
        head=None,
        uncommitted=0,
        unpushed=0,
        missing=not there,
        half_made_for=entry.session_id,
    )


def _without_worktree(repository: Repository, journal: Journal, order: Remove, branch: str | None) -> Removed:
    """The worktree was removed before, by us or by hand; a folder that git does not know is kept."""
    path = Path(order.path)
    if os.path.lexists(path):
        sentence = f"{path} is no worktree of {repository.path}, so it is kept."
        raise WorkspaceRefused("not_a_worktree", sentence, "Look at it, and remove it by hand.")
    removed, goes = False, None if order.keep_branch else branch
    kept = None if goes is None else refs.kept_because(repository, goes)
    tip = None if goes is None or kept is not None else refs.own_tip(repository, goes)
    if branch is not None and tip is not None:
        only_here = repository.count_only_on(tip, branch)
        value = f"lose-{tip[:10]}"
        if only_here and order.confirm != value:
            raise _unconfirmed(branch, f"{only_here} commits of it are only here", value)
        removed = _remove_branch(repository, branch, tip)
    known = any(entry.path == str(path) for entry in journal.entries())
    _forget(journal, path)
    return Removed(path=str(path), branch_removed=removed, branch_kept=kept, was_there=known)


def _listed(repository: Repository, linked: Linked) -> Worktree:
    branch, head, losses = None, None, None
    missing = not linked.path.is_dir()
    with suppress(WorkspaceRefused):
        branch, head = repository.head(linked)
        losses = losses_of(repository, linked, branch=branch)
    return Worktree(
        path=os.fsencode(linked.path).decode(errors="replace"),
        branch=branch,
        head=head,
        uncommitted=0 if losses is None else len(losses.uncommitted) + len(losses.submodules),
        unpushed=0 if losses is None else losses.unpushed,
        missing=missing,
    )


def _what_is_lost(repository: Repository, journal: Journal, linked: Linked, order: Remove, job_id: str) -> list[str]:
    """What goes with the worktree, which was confirmed; nothing more where this job had begun to remove it before.

    From here on the folder is being removed. Raises `work_would_be_lost`.
    """
    identity = files.identity(linked.path)
    if journal.removes(linked.path, identity, job_id):
        return []
    branch = order.branch or None
    keeps = order.keep_branch or branch is None
    losses = losses_of(repository, linked, branch=branch, keep_branch=keeps)
    if losses.any and order.confirm != losses.confirmation:
        raise _unconfirmed(str(linked.path), losses.sentence, losses.confirmation)
    if identity is not None:
        journal.begin_removal(linked.path, identity, job_id)
    return losses.listed


def _unconfirmed(what: str, sentence: str, value: str) -> WorkspaceRefused:
    return WorkspaceRefused(
        "work_would_be_lost",
        f"With {what} work would be lost: {sentence}.",
        f"Save it, or say that it may be lost: --confirm {value}",
    )


def _moved(repository: Repository, branch: str, judged: str | None) -> str | None:
    """Why a branch stays that is not where it was when its loss was judged."""
    tip = refs.own_tip(repository, branch)
    if tip in (None, judged):
        return None
    return f"The branch {branch!r} of {repository.path} has moved meanwhile."


def _remove_branch(repository: Repository, branch: str, tip: str | None) -> bool:
    """Remove a branch while it is at this commit, unless somebody is on it."""
    if tip is None or refs.own_tip(repository, branch) is None or repository.used_at(branch) is not None:
        return False
    refs.delete(repository, branch, tip)
    return True


def _remove_empty(repository: Repository) -> None:
    with suppress(OSError):
        (repository.git_dir / "worktrees").rmdir()


def _forget(journal: Journal, path: Path) -> None:
    entry = journal.of_worktree(path)
    if entry is not None:
        journal.forget(entry.session_id)
