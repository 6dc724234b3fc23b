"""Lists worktrees, and removes one with its branch: only what is nowhere else lost, and that only when confirmed."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from callboard.wire.jobs import ListWorktrees, Remove, Removed, Worktree
from callboard.workspace import files, identity, refs
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
    entries = {entry.path: entry for entry in journal.entries()}
    half_made = {entry.path: entry for entry in entries.values() if _is_half_made(repository, entry)}
    fitting = [one for one in repository.worktrees() if one.path.name.startswith(prefix)]
    whole = [_listed(repository, one, entries.get(str(one.path))) for one in fitting if str(one.path) not in half_made]
    told = {*half_made, *(one.path for one in whole)}
    known = {str(one.path): one for one in repository.worktrees()}
    others = [path for path in order.known if path not in told and path not in known]
    gone = [
        _gone(repository, Path(path), entries.get(path), identity.own(repository, journal, Path(path)))
        for path in others
    ]
    return [*map(_left, half_made.values()), *gone, *whole][:MAX_LISTED]


def remove(repository: Repository, journal: Journal, order: Remove, job_id: str) -> Removed:
    """Remove a worktree, and its branch if that is ours and nothing else needs it.

    Raises `work_would_be_lost` with the value to confirm, unless that was given. Of work it is the worktree that was
    made for it, also where git moved it to; what stands in its place is left alone. Links are not followed.
    """
    with repository.locked() as ours:
        path = Path(order.path)
        branch = check_branch(order.branch) if order.branch else None
        linked = identity.own(ours, journal, path) if _is_of_work(order) else ours.worktree_at(path)
        if linked is None:
            return _without_worktree(ours, journal, order, branch)
        if linked.locked:
            sentence = f"The worktree {linked.path} is locked."
            raise WorkspaceRefused("worktree_locked", sentence, f"git worktree unlock {linked.path}")
        goes = None if order.keep_branch else branch
        judged = None if goes is None or refs.kept_because(ours, goes) else refs.own_tip(ours, goes)
        again = journal.removes(linked.path, files.identity(linked.path), job_id)
        there = again or identity.stands(ours, linked, linked.path) == "own"
        lost = [] if again else _what_is_lost(ours, journal, linked, order, job_id)
        if there:
            files.remove_tree(linked.path)
        journal.end_removal(linked.path)
        files.remove_below(ours.git_dir, "worktrees", linked.name)
        _remove_empty(ours)
        kept = None if goes is None else refs.kept_because(ours, goes) or _moved(ours, goes, judged)
        removed = goes is not None and kept is None and _remove_branch(ours, goes, judged)
        _forget(journal, path)
        return Removed(
            path=str(linked.path),
            branch_removed=removed,
            branch_kept=kept,
            lost=lost,
            folder_removed=there,
            left_alone=_left_alone(path),
        )


def _is_of_work(order: Remove) -> bool:
    """Whether a work session is meant, of which something is left although its worktree is gone; else a mere path."""
    return order.base_commit is not None


def _left_alone(path: Path) -> str | None:
    """What is at the path of a worktree that is removed."""
    if not os.path.lexists(path):
        return None
    if path.is_symlink():
        return f"{path} is a link; it was not followed, and was left alone."
    return f"The folder at {path} is not ours, and was left alone."


def _is_half_made(repository: Repository, entry: Entry) -> bool:
    """Whether something of a preparation that is not whole is there."""
    ours = entry.prepared is None and entry.repository == str(repository.path)
    return ours and (os.path.lexists(entry.path) or ("branch" in entry.begun and _has_branch(repository, entry)))


def _has_branch(repository: Repository, entry: Entry) -> bool:
    try:
        return repository.branch_tip(entry.branch) is not None
    except WorkspaceRefused:  # git does not say: as the journal has it
        return True


def _gone(repository: Repository, path: Path, entry: Entry | None, linked: Linked | None) -> Worktree:
    """A worktree that git does not have at its path, with the commits that only its branch has."""
    branch, tip, unpushed = None if entry is None else entry.branch, None, 0
    if branch is not None:
        with suppress(WorkspaceRefused):
            tip = refs.own_tip(repository, branch)
            unpushed = 0 if tip is None else repository.count_only_on(tip, branch)
    return Worktree(
        path=str(path),
        branch=branch,
        head=tip,
        uncommitted=0,
        unpushed=unpushed,
        missing=True,
        instead=_instead(repository, path, linked),
    )


def _instead(repository: Repository, path: Path, linked: Linked | None) -> str | None:
    """What is in the place of a worktree, or where it is now."""
    if moved := identity.moved_to(repository, linked, path):
        return f"now at {moved}"
    what = identity.stands(repository, None, path)
    return None if what == "nothing" else f"{identity.WORDS[what]} there"


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
    if os.path.lexists(path) and not _is_of_work(order):
        what = "a link, which is not followed" if path.is_symlink() else f"no worktree of {repository.path}"
        raise WorkspaceRefused(
            "not_a_worktree", f"{path} is {what}, so it is kept.", "Look at it, and remove it by hand."
        )
    removed, goes = False, None if order.keep_branch else branch
    kept = None if goes is None else refs.kept_because(repository, goes) or _used(repository, goes)
    tip = None if goes is None or kept is not None else refs.own_tip(repository, goes)
    if branch is not None and tip is not None:
        only_here = repository.count_only_on(tip, branch)
        value = f"lose-{tip[:10]}"
        if only_here and order.confirm != value:
            many = "commit of it is" if only_here == 1 else "commits of it are"
            raise _unconfirmed(branch, f"{only_here} {many} only here", value)
        removed = _remove_branch(repository, branch, tip)
    known = any(entry.path == str(path) for entry in journal.entries())
    _forget(journal, path)
    return Removed(
        path=str(path),
        branch_removed=removed,
        branch_kept=kept,
        was_there=known,
        folder_removed=False,
        left_alone=_left_alone(path),
    )


def _used(repository: Repository, branch: str) -> str | None:
    """Why a branch stays on which somebody is."""
    where = repository.used_at(branch)
    return None if where is None else f"It is checked out in {where}."


def _listed(repository: Repository, linked: Linked, entry: Entry | None) -> Worktree:
    """A worktree that git has; `entry` is of what was prepared at its path."""
    branch, head, losses = None, None, None
    what = identity.stands(repository, linked, linked.path)
    if what == "own" and entry is not None and not identity.is_of(repository, linked, entry):
        what = "worktree"
    with suppress(WorkspaceRefused):
        branch, head = repository.head(linked)
        losses = losses_of(repository, linked, branch=branch)
    return Worktree(
        path=os.fsencode(linked.path).decode(errors="replace"),
        branch=branch,
        head=head,
        uncommitted=0 if losses is None else len(losses.uncommitted) + len(losses.submodules),
        unpushed=0 if losses is None else losses.unpushed,
        missing=what != "own",
        instead=None if what in ("own", "nothing") else f"{identity.WORDS[what]} there",
    )


def _what_is_lost(repository: Repository, journal: Journal, linked: Linked, order: Remove, job_id: str) -> list[str]:
    """What goes with the worktree, which was confirmed. From here on its folder is being removed.

    Raises `work_would_be_lost`.
    """
    branch = order.branch or None
    keeps = order.keep_branch or branch is None
    losses = losses_of(repository, linked, branch=branch, keep_branch=keeps)
    if losses.any and order.confirm != losses.confirmation:
        raise _unconfirmed(str(linked.path), losses.sentence, losses.confirmation)
    folder = files.identity(linked.path)
    if folder is not None and identity.stands(repository, linked, linked.path) == "own":
        journal.begin_removal(linked.path, folder, job_id)
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
