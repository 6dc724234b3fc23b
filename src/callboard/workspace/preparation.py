"""Makes branch, worktree and state file for a work session, and undoes exactly what was made.

Each step is in the journal, on the disk, before it is taken; doing it twice has one effect.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from callboard.domain.worker_prompt import WorkContext, WorkIssue, state_file
from callboard.wire.jobs import Prepare, Prepared
from callboard.workspace import files, identity, refs
from callboard.workspace.git import Git
from callboard.workspace.journal import Entry, Journal, failed_files, no_room
from callboard.workspace.names import check_branch, check_commit, check_folder_name
from callboard.workspace.places import free_place, worktree_root
from callboard.workspace.proof import losses_of
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Base, Linked, Repository, open_repository
from callboard.workspace.state_file import write_state
from callboard.workspace.view import view

MAX_NEXT: Final = 99
CHECKOUT_SECONDS: Final = 50.0
_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Plan:
    """What would be made. `tip` is where the branch is, or will be."""

    path: Path
    branch: str
    base: Base
    tip: str
    creates_branch: bool


def prepare(
    repository: Repository, journal: Journal, order: Prepare, *, hostname: str, roots: Sequence[Path]
) -> Prepared:
    """Make it all, or nothing. Said again for a session that is prepared, the same answer. Raises WorkspaceRefused."""
    with repository.locked() as ours:
        if order.dry_run:
            return _answer(plan(ours, order, roots), order, hostname)
        _undo_abandoned(ours, journal, order.session_id)
        earlier = journal.find(order.session_id)
        if earlier is not None:
            if earlier.prepared is not None and ours.worktree_at(Path(earlier.path)) is not None:
                return earlier.prepared
            _undo(ours, journal, earlier)
        planned = plan(ours, order, roots)
        entry = Entry(
            session_id=order.session_id,
            repository=str(ours.path),
            path=str(planned.path),
            branch=planned.branch,
            base_commit=planned.tip,
        )
        try:
            _make(ours, journal, entry, planned)
            linked = _linked(ours, entry)
            answer = _answer(planned, order, hostname)
            entry.file_name = f"work-{order.handle}.json"
            write_state(ours, linked, entry.file_name, first_state(order, answer, ours.path, entry.file_name))
            entry.prepared = answer
            journal.save(entry)
        except WorkspaceRefused as refused:
            entry.prepared = None
            full = refused.code == "git_failed" and files.is_full(planned.path)
            if refused.code != "interrupted":
                _undo_in_silence(ours, journal, entry)
            raise (no_room(planned.path) if full else refused) from refused
        return answer


def plan(repository: Repository, order: Prepare, roots: Sequence[Path]) -> Plan:
    """What would be made; looks only. Raises WorkspaceRefused."""
    check_branch(order.branch)
    check_folder_name(order.directory_name)
    root = worktree_root(repository.path, order.worktree_root, roots)
    base = repository.base(order.base_branch)
    check_commit(base.commit)
    for number in range(1, MAX_NEXT + 1):
        suffix = "" if number == 1 else f"-{number}"
        branch = check_branch(order.branch + suffix)
        place = free_place(root, order.directory_name + suffix)
        if order.new_branch and (place is None or refs.kept_because(repository, branch) is not None):
            continue
        tip = refs.own_tip(repository, branch)
        beside = repository.beside(branch) if tip is None else None
        if tip is None and place is not None and beside is None:
            return Plan(place, branch, base, base.commit, creates_branch=True)
        if order.new_branch:
            continue
        if place is None and order.reuse_branch and tip is not None:
            _check_unused(repository, branch)
            place = _next_place(root, order.directory_name)
        if place is None:
            raise _taken(root / order.directory_name)
        if beside is not None:
            sentence = f"There is a branch {beside!r}, beside which none can be that is called {branch!r}."
            raise WorkspaceRefused("branch_exists", sentence, "Take the next free name: --new-branch.")
        if not order.reuse_branch:
            hint = "Go on with it: --reuse-branch. Take the next free name: --new-branch."
            raise WorkspaceRefused("branch_exists", f"There is a branch {branch!r} already.", hint)
        _check_unused(repository, branch)
        return Plan(place, branch, base, tip or base.commit, creates_branch=tip is None)
    raise WorkspaceRefused("branch_exists", f"{order.branch}-2 to {order.branch}-{MAX_NEXT} are taken, too.")


def undo(repository: Repository, journal: Journal, session_id: str) -> None:
    """Remove what was made for a session, as the journal says; nothing when it says nothing. Never work.

    Raises `work_kept` when somebody has worked there.
    """
    with repository.locked() as ours:
        entry = journal.find(session_id)
        if entry is not None:
            _undo(ours, journal, entry)


def first_state(order: Prepare, made: Prepared, repository: Path, file_name: str) -> dict[str, Any]:
    """What the state file holds until the coordinator writes it."""
    context = WorkContext(
        handle=order.handle,
        issues=[WorkIssue(number=one.number, title=one.title, body=one.body) for one in made.issues],
        repository=str(repository),
        branch=made.branch,
        worktree=made.path,
        base_branch=made.base_branch,
        state_file_name=file_name,
        current_issue=order.current_issue,
    )
    return state_file(context)


def _make(repository: Repository, journal: Journal, entry: Entry, planned: Plan) -> None:
    _step(journal, entry, "folder")
    try:
        planned.path.mkdir(mode=0o755)
    except FileExistsError:
        entry.begun.remove("folder")
        raise _taken(planned.path) from None
    except OSError as cause:
        raise failed_files(cause, planned.path) from cause
    entry.folder = files.identity(planned.path)
    if planned.creates_branch:
        _step(journal, entry, "branch")
        refs.create(repository, planned.branch, planned.tip, f"callboard: {entry.session_id}")
    entry.names_before = [one.name for one in _folders(repository)]
    _step(journal, entry, "worktree")
    # git takes a tag of the same name for the branch, so that the worktree is put on it by its whole name.
    where = ("--quiet", "--no-checkout", "--detach", "--end-of-options", str(planned.path), planned.tip)
    repository.git.run(repository.git_dir, "worktree", "add", *where)
    linked = _linked(repository, entry)
    entry.name = linked.name
    refs.check_out(repository, linked, planned.branch)
    _check_unused(repository, planned.branch, planned.path)
    if repository.head(linked) != (planned.branch, planned.tip):
        sentence = f"The worktree is not on {planned.branch!r} as git was told to make it."
        raise WorkspaceRefused("git_failed", sentence, "Try again when nobody else works at that branch.")
    _step(journal, entry, "state_file")
    with view(repository, linked, planned.tip, writes=True) as shown:
        shown.run("read-tree", "--reset", "-u", planned.tip, seconds=CHECKOUT_SECONDS)


def _step(journal: Journal, entry: Entry, step: str) -> None:
    match step:
        case "folder" | "branch" | "worktree" | "state_file":
            entry.begun.append(step)
    journal.save(entry)


def _linked(repository: Repository, entry: Entry) -> Linked:
    linked = repository.worktree_at(Path(entry.path))
    if linked is None:
        raise WorkspaceRefused("git_failed", f"git made no worktree at {entry.path}.")
    return linked


def _answer(planned: Plan, order: Prepare, hostname: str) -> Prepared:
    return Prepared(
        hostname=hostname,
        path=str(planned.path),
        branch=planned.branch,
        base_branch=planned.base.branch,
        base_commit=planned.base.commit,
        branch_created=planned.creates_branch,
        issues=list(order.issues),
    )


def _next_place(root: Path, name: str) -> Path | None:
    """Something else has taken the name, and nobody is on the branch: the folder's own name does not matter."""
    places = (free_place(root, f"{name}-{number}") for number in range(2, MAX_NEXT + 1))
    return next((place for place in places if place is not None), None)


def _check_unused(repository: Repository, branch: str, but_for: Path | None = None) -> None:
    """A branch is checked out once only, else what one worktree commits another would undo; `but_for` is ours."""
    where = repository.used_at(branch, but_for)
    if where is not None:
        here = "Check out another one there (git switch), or take the next free name: --new-branch."
        linked = repository.worktree_at(where)
        hint = here if where == repository.path else "Take the next free name: --new-branch."
        if linked is not None and identity.stands(repository, linked, where) != "own":
            sentence = f"git has the branch {branch!r} checked out in {where}, where that worktree is not any more."
            raise WorkspaceRefused(
                "branch_in_use", sentence, f"Have git forget it: callboard worktrees --remove {where}"
            )
        raise WorkspaceRefused("branch_in_use", f"The branch {branch!r} is checked out in {where}.", hint)


def _taken(path: Path) -> WorkspaceRefused:
    hint = f"If other work left it: callboard worktrees --remove {path}; else move it away, or --new-branch."
    return WorkspaceRefused("path_taken", f"There is something at {path} already.", hint)


# ---------------------------------------------------------------------------------------------------- undoing


def _undo_in_silence(repository: Repository, journal: Journal, entry: Entry) -> None:
    """Undo because something else failed, which is what is told; what stays is in the journal for the next time."""
    try:
        _undo(repository, journal, entry)
    except WorkspaceRefused as refused:
        _LOG.error("undo_failed", session_id=entry.session_id, code=refused.code, detail=refused.sentence)


def _undo(repository: Repository, journal: Journal, entry: Entry) -> None:
    if entry.prepared is not None:
        _refuse_work(repository, entry)
    if "folder" in entry.begun:
        _undo_folder(repository, entry)
    if "worktree" in entry.begun:
        _undo_worktree(repository, entry)
    if "branch" in entry.begun:
        _undo_branch(repository, entry)
    journal.forget(entry.session_id)


def _refuse_work(repository: Repository, entry: Entry) -> None:
    path = Path(entry.path)
    linked = repository.worktree_at(path)
    same = entry.folder is not None and files.identity(path) == entry.folder
    if same and identity.stands(repository, linked, path) != "own" and any(path.iterdir()):
        sentence = f"{path} was not undone: git does not know it as a worktree any more."
        raise WorkspaceRefused("work_kept", sentence, "Look at it, and remove it by hand.")
    if linked is None:
        return
    losses = losses_of(
        repository, linked, branch=entry.branch, began_at=entry.base_commit, keep_branch="branch" not in entry.begun
    )
    if losses.any:
        sentence = f"{entry.path} was not undone: {losses.sentence}."
        raise WorkspaceRefused("work_kept", sentence, "`callboard worktrees` lists it.")


def _undo_folder(repository: Repository, entry: Entry) -> None:
    """The folder that was made, known by its number; without that only an empty one. Never another repository's."""
    path = Path(entry.path)
    if identity.stands(repository, repository.worktree_at(path), path) == "repository":
        return
    if entry.folder is None:
        with suppress(OSError):
            path.rmdir()
    elif files.identity(path) == entry.folder:
        files.remove_tree(path)


def _undo_worktree(repository: Repository, entry: Entry) -> None:
    """git's folders for our worktree, also one that git had only half made."""
    for linked in _folders(repository):
        if linked.name in entry.names_before or not _is_named_after(linked.name, entry.path):
            continue
        if linked.path in (Path(entry.path), Path()):
            files.remove_below(repository.git_dir, "worktrees", linked.name)
    with suppress(OSError):
        (repository.git_dir / "worktrees").rmdir()


def _folders(repository: Repository) -> list[Linked]:
    """All of git's folders for worktrees; a half made one has no path."""
    whole = {one.name: one for one in repository.worktrees()}
    try:
        with files.folder(repository.git_dir, "worktrees") as handle:
            names = files.names(handle)
    except OSError:
        return []
    return [whole.get(name) or Linked(name=name, path=Path(), locked=False) for name in names]


def _is_named_after(name: str, path: str) -> bool:
    """git takes the folder's own name, or that with a number behind it; letters that it does not like it changes."""
    wanted = re.sub(r"[^A-Za-z0-9]", ".", Path(path).name)
    return re.fullmatch(f"{wanted}[0-9]*", name) is not None


def _undo_branch(repository: Repository, entry: Entry) -> None:
    """The branch, while it is where we made it: then nothing is lost with it. One that leads elsewhere stays."""
    kept = refs.kept_because(repository, entry.branch)
    if kept is not None:
        _LOG.warning("branch_kept", session_id=entry.session_id, detail=kept)
    elif refs.own_tip(repository, entry.branch) == entry.base_commit and repository.used_at(entry.branch) is None:
        refs.delete(repository, entry.branch, entry.base_commit)


def _undo_abandoned(repository: Repository, journal: Journal, session_id: str) -> None:
    """What was left half made here for other sessions, because git could not undo it then; nobody else is at it now."""
    for entry in [one for one in journal.entries() if one.prepared is None and one.session_id != session_id]:
        if entry.repository == str(repository.path):
            _undo_in_silence(repository, journal, entry)


def recover(git: Git, journal: Journal) -> list[str]:
    """Undo what an earlier process left half done; the sessions of it. What cannot be undone now stays noted."""
    undone: list[str] = []
    for entry in [one for one in journal.entries() if one.prepared is None]:
        try:
            undo(open_repository(git, Path(entry.repository)), journal, entry.session_id)
            undone.append(entry.session_id)
        except WorkspaceRefused as refused:
            _LOG.error("undo_failed", session_id=entry.session_id, code=refused.code, detail=refused.sentence)
    return undone
