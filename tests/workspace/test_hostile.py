"""A57, S11, R24: a hostile repository executes nothing as the runner, and no link leads anything out of it."""

import subprocess

import pytest

from callboard.wire.jobs import Diff, IssueText, ListWorktrees, Remove
from callboard.workspace import files
from callboard.workspace.changes import diff_of
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.removal import list_worktrees, remove
from callboard.workspace.state_file import worktree_of
from tests.workspace.hostile import Hostile
from tests.workspace.place import Place


def test_nothing_of_a_hostile_repository_is_executed(place: Place) -> None:
    hostile = Hostile(place)
    place.environment["PATH"] = f".:{place.path}:{place.environment['PATH']}"
    hostile.canary.unlink(missing_ok=True)
    told = "$(touch canary) `touch canary` --exec=touch; \x1b]0;x\x07 <!-- hidden -->"
    made = place.prepare(issues=[IssueText(number=42, title=told, body=told)])
    assert made.base_commit == (place.path / ".git/refs/heads/main").read_text().strip()
    assert (place.worktree / "link").is_symlink()
    assert (place.worktree / "readme").read_text() == "hello\n"
    hostile.in_worktree()
    repository = place.repository()
    linked = worktree_of(repository, place.worktree)
    shown = diff_of(repository, linked, Diff(path=made.path, base_commit=made.base_commit))
    assert {"readme", "new", "away"} <= {one["path"] for one in shown.files}
    assert ("+changed" in shown.text, shown.uncommitted) == (True, True)
    (listed,) = list_worktrees(repository, place.journal, ListWorktrees(prefix="shop-"))
    assert listed.uncommitted >= 4
    order = Remove(path=made.path, branch=made.branch, base_commit=made.base_commit)
    with pytest.raises(WorkspaceRefused) as refused:
        remove(repository, place.journal, order, "job_1")
    assert "module" in refused.value.sentence
    order.confirm = refused.value.hint.rpartition(" ")[2]
    remove(repository, place.journal, order, "job_1")
    assert not place.worktree.exists()
    assert (hostile.outside / "precious").read_text() == "keep\n"
    assert hostile.caught() == ""


@pytest.mark.parametrize("asked", ["worktree", "status", "diff"])
def test_the_traps_work(place: Place, asked: str) -> None:
    """Unguarded, git executes what the test above finds nothing of."""
    hostile = Hostile(place)
    hostile.canary.unlink(missing_ok=True)
    (place.path / "readme").write_text("changed, and longer\n")
    added = ["add", "-b", "other", str(place.folder / "there"), "refs/heads/main"] if asked == "worktree" else []
    subprocess.run(["git", asked, *added], cwd=place.path, capture_output=True, check=False)
    assert hostile.caught()


def test_a_configuration_that_is_swapped_in_the_middle_changes_nothing(place: Place) -> None:
    """What is executed does not hang on what the configuration said a moment ago."""
    made = place.prepare()
    hostile = Hostile(place)
    hostile.canary.unlink(missing_ok=True)
    (place.worktree / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (place.worktree / "readme").write_text("changed\n")
    linked = worktree_of(place.repository(), place.worktree)
    shown = diff_of(place.repository(), linked, Diff(path=made.path, base_commit=made.base_commit))
    assert "+changed" in shown.text
    assert hostile.caught() == ""


def test_a_worktree_that_became_a_link_is_neither_looked_at_nor_removed(place: Place) -> None:
    """R24: what stands at the path now is not ours."""
    made = place.prepare()
    outside = place.folder / "outside"
    place.worktree.rename(outside)
    place.worktree.symlink_to(outside)
    linked = worktree_of(place.repository(), place.worktree)
    with pytest.raises(WorkspaceRefused) as refused:
        diff_of(place.repository(), linked, Diff(path=made.path, base_commit=made.base_commit))
    assert (refused.value.code, "but a link" in refused.value.sentence) == ("worktree_missing", True)
    removed = remove(place.repository(), place.journal, Remove(path=made.path, branch=made.branch), "job_1")
    assert (removed.folder_removed, "is a link" in (removed.left_alone or "")) == (False, True)
    place.undo()
    assert place.worktree.is_symlink()
    assert (outside / "readme").read_text() == "hello\n"


def test_no_step_of_a_removal_follows_a_link(place: Place) -> None:
    """R24: also not one above the folder that is removed."""
    outside = place.folder / "outside"
    (outside / "mine").mkdir(parents=True)
    (place.path / "worktrees").symlink_to(outside)
    with pytest.raises(WorkspaceRefused):
        files.remove_below(place.path, "worktrees", "mine")
    (place.path / "link").symlink_to(outside / "mine")
    with pytest.raises(WorkspaceRefused):
        files.remove_below(place.path, "link")
    files.remove_below(place.path, "never", "there")
    assert (outside / "mine").is_dir()
