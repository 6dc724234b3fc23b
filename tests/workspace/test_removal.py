"""R24: nothing that is nowhere else is removed, unless exactly that was confirmed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callboard.wire.jobs import Diff, ListWorktrees, Prepared, Remove, Removed
from callboard.workspace import files
from callboard.workspace.changes import diff_of
from callboard.workspace.identity import own_worktree
from callboard.workspace.ownership import Workspaces
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.removal import list_worktrees, remove
from callboard.workspace.state_file import worktree_of
from tests.support.site import FailingGit
from tests.workspace.place import Place


def _remove(place: Place, made: Prepared, **fields: Any) -> Removed:
    order = Remove(path=made.path, branch=made.branch, base_commit=made.base_commit, **fields)
    return remove(place.repository(), place.journal, order, "job_1")


def _refused(place: Place, made: Prepared, **fields: Any) -> WorkspaceRefused:
    with pytest.raises(WorkspaceRefused) as refused:
        _remove(place, made, **fields)
    return refused.value


def test_what_holds_no_work_goes_with_its_branch_and_its_journal(place: Place) -> None:
    made = place.prepare()
    (place.worktree / "closed").mkdir(mode=0o500)
    assert _remove(place, made) == Removed(path=made.path, branch_removed=True)
    assert place.left() == []
    assert _remove(place, made) == Removed(path=made.path, branch_removed=False, was_there=False, folder_removed=False)


def test_what_was_half_removed_is_removed_whole(place: Place) -> None:
    """Kill -9 in the middle: the order is said again, and what is gone already is no change of a worker."""
    made = place.prepare()
    identity = files.identity(place.worktree)
    assert identity is not None
    (place.worktree / "readme").unlink()
    assert _refused(place, made).code == "work_would_be_lost"
    place.journal.begin_removal(place.worktree, (identity[0], identity[1] + 1), "job_1")
    assert _refused(place, made).code == "work_would_be_lost"
    place.journal.begin_removal(place.worktree, identity, "job_0")
    assert _refused(place, made).code == "work_would_be_lost"
    place.journal.begin_removal(place.worktree, identity, "job_1")
    assert _remove(place, made).branch_removed
    assert place.left() == []


def _uncommitted(place: Place) -> None:
    (place.worktree / "readme").write_text("changed, and longer\n")


def _unknown(place: Place) -> None:
    (place.worktree / "notes").write_text("mine\n")


def _unpushed(place: Place) -> None:
    place.commit("feature", "x", at=place.worktree)


def _renamed(place: Place) -> None:
    place.commit("feature", "x", at=place.worktree)
    place.git("branch", "-m", "better-name", at=place.worktree)


def _detached(place: Place) -> None:
    place.git("checkout", "--quiet", "--detach", at=place.worktree)
    place.commit("feature", "x", at=place.worktree)


def _unreadable(place: Place) -> None:
    (place.path / ".git/worktrees/shop-issue-42/index").write_bytes(b"broken")


def _assumed_unchanged(place: Place) -> None:
    place.git("update-index", "--assume-unchanged", "readme", at=place.worktree)
    _uncommitted(place)


def _skipped(place: Place) -> None:
    place.git("update-index", "--skip-worktree", "readme", at=place.worktree)
    _uncommitted(place)


def _base_rewritten(place: Place) -> None:
    place.git("commit", "--quiet", "--amend", "-m", "other")


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (_assumed_unchanged, "1 path is not committed (readme)"),
        (_skipped, "1 path is not committed (readme)"),
        (_base_rewritten, "1 commit is only here"),
        (_uncommitted, "1 path is not committed (readme)"),
        (_unknown, "1 path is not committed (notes)"),
        (_unpushed, "1 commit is only here (“change feature”)"),
        (_renamed, "it is on better-name instead of its own branch"),
        (_detached, "1 commit is only here"),
        (_unreadable, "its index cannot be read"),
    ],
)
def test_work_is_kept_until_exactly_its_loss_is_confirmed(
    place: Place, work: Callable[[Place], None], said: str
) -> None:
    made = place.prepare()
    work(place)
    refused = _refused(place, made)
    assert (refused.code, said in refused.sentence) == ("work_would_be_lost", True), refused.sentence
    value = refused.hint.rpartition(" ")[2]
    assert _refused(place, made, confirm="lose-0123456789").hint == refused.hint
    (place.worktree / "later").write_text("more work\n")
    newer = _refused(place, made, confirm=value).hint.rpartition(" ")[2]
    assert newer != value
    with pytest.raises(WorkspaceRefused, match="was not undone"):
        place.undo()
    removed = _remove(place, made, confirm=newer)
    assert (removed.lost != [], place.worktree.exists()) == (True, False)
    assert ("better-name" in place.left()) == (work is _renamed)


def test_a_git_that_fails_at_any_step_of_a_removal_loses_no_commit(place: Place) -> None:
    """R24: the folder was removed by hand, its commits are on the branch alone; not knowing of them is no proof."""
    made = place.prepare()
    tip = place.commit("feature", "x", at=place.worktree)
    shutil.rmtree(place.worktree)
    git = FailingGit(place.folder / "failing-git")
    place.environment["PATH"] = git.within[1].removeprefix("PATH=")
    for call in range(1, 40):
        git.fail_at(call)
        assert _refused(place, made).code in ("git_failed", "work_would_be_lost")
        assert place.git("rev-parse", "refs/heads/issue-42") == tip
        if git.calls < call:
            break
    assert call >= 3


def test_a_branch_that_moves_while_its_worktree_is_removed_stays(place: Place) -> None:
    """What nobody looked at when the loss was judged is not lost with it."""
    made = place.prepare()
    later = place.git("commit-tree", "-p", "issue-42", "-m", "later", "issue-42^{tree}")
    program = place.folder / "programs" / "git"
    program.parent.mkdir()
    real = shutil.which("git")
    move = f"{real} --git-dir={place.path}/.git update-ref refs/heads/issue-42 {later}"
    program.write_text(f'#!/bin/sh\ncase "$*" in *" status "*) {move};; esac\nexec {real} "$@"\n')
    program.chmod(0o755)
    place.environment["PATH"] = f"{program.parent}:{place.environment['PATH']}"
    removed = _remove(place, made)
    assert (removed.branch_removed, "moved" in (removed.branch_kept or "")) == (False, True)
    assert (place.git("rev-parse", "refs/heads/issue-42"), place.worktree.exists()) == (later, False)


def test_an_undo_leaves_a_folder_with_files_that_git_does_not_know_as_a_worktree(place: Place) -> None:
    place.prepare()
    (place.worktree / "notes").write_text("mine\n")
    shutil.rmtree(place.path / ".git/worktrees")
    with pytest.raises(WorkspaceRefused, match="was not undone"):
        place.undo()
    assert (place.worktree / "notes").is_file()


def test_a_difference_shows_all_files_or_says_that_git_failed(place: Place) -> None:
    """A repository without a commit inside the worktree hides no other file; a git that fails is not taken for one."""
    made = place.prepare()
    for name in ("a-new", "z-new"):
        (place.worktree / name).write_text("x\n")
    place.git("init", "--quiet", str(place.worktree / "inner"))
    order = Diff(path=made.path, base_commit=made.base_commit)

    def difference() -> tuple[list[str], bool]:
        found = diff_of(place.repository(), worktree_of(place.repository(), place.worktree), order)
        return [one["path"] for one in found.files], found.uncommitted

    assert difference() == (["a-new", "z-new"], True)
    program = place.folder / "programs" / "git"
    program.parent.mkdir()
    real = shutil.which("git")
    program.write_text(f'#!/bin/sh\ncase "$*" in *intent-to-add*) echo broken >&2; exit 128;; esac\nexec {real} "$@"\n')
    program.chmod(0o755)
    place.environment["PATH"] = f"{program.parent}:{place.environment['PATH']}"
    with pytest.raises(WorkspaceRefused, match="git add failed: broken") as refused:
        difference()
    assert refused.value.hint


def test_what_is_pushed_or_kept_needs_no_confirmation(place: Place) -> None:
    made = place.prepare()
    tip = place.commit("feature", "x", at=place.worktree)
    assert _remove(place, made, keep_branch=True) == Removed(path=made.path, branch_removed=False)
    assert place.git("rev-parse", "issue-42") == tip
    made = place.prepare(reuse_branch=True)
    place.git("update-ref", "refs/remotes/origin/issue-42", tip)
    assert _remove(place, made).branch_removed


def test_a_folder_that_git_does_not_know_and_a_locked_worktree_are_kept(place: Place) -> None:
    made = place.prepare()
    place.git("worktree", "lock", made.path)
    assert _refused(place, made).code == "worktree_locked"
    place.git("worktree", "unlock", made.path)
    place.worktree.rename(place.worktree.with_name("moved"))
    place.git("worktree", "prune")
    place.worktree.mkdir()
    (place.worktree / "precious").write_text("x")
    with pytest.raises(WorkspaceRefused) as refused:
        remove(place.repository(), place.journal, Remove(path=made.path), "job_1")
    assert refused.value.code == "not_a_worktree"
    removed = _remove(place, made)
    assert (removed.branch_removed, removed.folder_removed, bool(removed.left_alone)) == (True, False, True)
    assert (place.worktree / "precious").exists()


def _another_repository(place: Place) -> None:
    place.git("init", "--quiet", str(place.worktree))
    place.commit("theirs", "x", at=place.worktree)


def _plain_folder(place: Place) -> None:
    place.worktree.mkdir()
    (place.worktree / "theirs").write_text("x\n")


def _another_worktree(place: Place) -> None:
    place.git("worktree", "prune")
    place.git("worktree", "add", "--quiet", "-b", "own", str(place.worktree))
    (place.worktree / "theirs").write_text("x\n")


def _says_it_is_ours(place: Place) -> None:
    """The `.git` of a worktree of work elsewhere."""
    _another_repository(place)
    (place.worktree / ".git").rename(place.worktree / "their-git")
    (place.worktree / ".git").write_text(f"gitdir: {place.folder}/other/.git/worktrees/shop-issue-42\n")


def _a_link(place: Place) -> None:
    (place.folder / "theirs").mkdir()
    (place.folder / "theirs" / "theirs").write_text("x\n")
    place.worktree.symlink_to(place.folder / "theirs")


@pytest.mark.parametrize("replace", [_another_repository, _plain_folder, _another_worktree, _says_it_is_ours, _a_link])
def test_what_stands_in_the_place_of_a_worktree_is_neither_worked_in_nor_counted_nor_removed(
    place: Place, replace: Callable[[Place], None]
) -> None:
    """R24: a worktree is known by what leads to it and back, not by its path; only what is ours goes, and is asked."""
    made = place.prepare()
    workspaces = Workspaces(place.guarded(), place.journal, [place.folder])
    assert workspaces.missing(place.path, place.worktree) is None
    tip = place.commit("feature", "x", at=place.worktree)
    shutil.rmtree(place.worktree)
    replace(place)
    told = workspaces.missing(place.path, place.worktree) or ""
    assert "no worktree any more" in told or "is not the worktree any more" in told
    with pytest.raises(WorkspaceRefused, match="any more") as missing:
        own_worktree(place.repository(), place.journal, place.worktree)
    assert missing.value.code == "worktree_missing"
    known = ListWorktrees(prefix="shop-", known=[made.path])
    (found,) = list_worktrees(place.repository(), place.journal, known)
    assert (found.missing, found.instead is not None, found.uncommitted) == (True, True, replace is _another_worktree)
    with pytest.raises(WorkspaceRefused):
        place.undo()
    refused = _refused(place, made)
    assert ("1 commit" in refused.sentence, "not committed" in refused.sentence) == (True, False)
    removed = _remove(place, made, keep_branch=True)
    assert (removed.folder_removed, removed.branch_removed, removed.lost) == (False, False, [])
    assert ("left alone" in (removed.left_alone or ""), (place.worktree / "theirs").is_file()) == (True, True)
    again = place.prepare(reuse_branch=True)
    assert (again.path, again.branch) == (f"{made.path}-2", "issue-42")
    assert place.git("rev-parse", "HEAD", at=Path(again.path)) == tip


def test_a_worktree_that_git_moved_is_told_with_its_place_and_removed_there(place: Place) -> None:
    made = place.prepare()
    moved = place.worktree.with_name("elsewhere")
    place.git("worktree", "move", made.path, str(moved))
    with pytest.raises(WorkspaceRefused, match=f"is now at {moved}"):
        own_worktree(place.repository(), place.journal, place.worktree)
    (found,) = list_worktrees(place.repository(), place.journal, ListWorktrees(prefix="shop-", known=[made.path]))
    assert (found.missing, found.instead) == (True, f"now at {moved}")
    (moved / "notes").write_text("mine\n")
    refused = _refused(place, made, keep_branch=True)
    assert (str(moved) in refused.sentence, "(notes)" in refused.sentence) == (True, True)
    (moved / "notes").unlink()
    assert _remove(place, made, keep_branch=True) == Removed(path=str(moved), branch_removed=False)
    assert (moved.exists(), place.prepare(reuse_branch=True).path) == (False, made.path)


def _diff(place: Place, made: Prepared) -> None:
    order = Diff(path=made.path, base_commit=made.base_commit)
    diff_of(place.repository(), worktree_of(place.repository(), place.worktree), order)


def test_a_worktree_that_was_removed_by_hand_is_told_and_its_branch_goes_on(place: Place) -> None:
    made = place.prepare()
    tip = place.commit("feature", "x", at=place.worktree)
    shutil.rmtree(place.worktree)
    with pytest.raises(WorkspaceRefused) as refused:
        place.prepare(session_id="ses_other", reuse_branch=True)
    assert (refused.value.code, "worktrees --remove" in refused.value.hint) == ("branch_in_use", True)
    for pruned in (False, True):
        if pruned:
            place.git("worktree", "prune")
        with pytest.raises(WorkspaceRefused) as refused:
            _diff(place, made)
        assert (refused.value.code, "--keep-branch" in refused.value.hint) == ("worktree_missing", True)
    assert not _remove(place, made, keep_branch=True).branch_removed
    place.prepare(reuse_branch=True)
    assert place.git("rev-parse", "HEAD", at=place.worktree) == tip


def test_what_stands_in_gits_way_is_named_with_what_removes_it(place: Place) -> None:
    made = place.prepare()
    lock = place.path / ".git/packed-refs.lock"
    lock.touch()
    refused = _refused(place, made)
    assert (refused.code, str(lock) in refused.sentence) == ("repository_busy", True)
    assert refused.hint.endswith(f"rm {lock}")
    lock.unlink()
    assert _remove(place, made).branch_removed


def test_worktrees_are_listed_with_what_is_only_there(place: Place) -> None:
    place.prepare()
    place.commit("feature", "x", at=place.worktree)
    (place.worktree / "notes").write_text("mine\n")
    place.git("worktree", "add", "--quiet", "-b", "own", str(place.folder / "own"))
    (found,) = list_worktrees(place.repository(), place.journal, ListWorktrees(prefix="shop-"))
    assert (found.branch, found.uncommitted, found.unpushed, found.missing) == ("issue-42", 1, 1, False)
    place.worktree.rename(place.folder / "moved")
    (found,) = list_worktrees(place.repository(), place.journal, ListWorktrees(prefix="shop-"))
    assert (found.missing, found.unpushed) == (True, 1)
    place.git("worktree", "prune")
    known = [str(place.worktree), str(place.folder / "own")]
    (found,) = list_worktrees(place.repository(), place.journal, ListWorktrees(prefix="shop-", known=known))
    assert (found.path, found.missing, found.branch, found.unpushed) == (str(place.worktree), True, "issue-42", 1)
