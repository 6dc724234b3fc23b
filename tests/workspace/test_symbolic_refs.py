"""R24, S10: a branch of ours is a ref of its own or is refused; no write, delete or undo reaches what it leads to."""

from typing import Any

import pytest

from callboard.wire.jobs import Prepared, Remove, Removed, Ship
from callboard.workspace import refs
from callboard.workspace.github import GitHubAccess
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.removal import remove
from callboard.workspace.shipping import ship
from tests.workspace.place import Place

OURS = "refs/heads/issue-42"
TARGETS = ["refs/heads/main", "refs/heads/nowhere", "refs/heads/chain", "refs/elsewhere/precious"]


def _lead_to(place: Place, target: str) -> None:
    """What every agent in a worktree can do; some targets hold a commit that is nowhere else."""
    lone = place.git("commit-tree", "-p", "main", "-m", "lone", "main^{tree}")
    if target == "refs/heads/chain":
        place.git("update-ref", "refs/heads/precious", lone)
        place.git("symbolic-ref", target, "refs/heads/precious")
    elif target == "refs/elsewhere/precious":
        place.git("update-ref", target, lone)
    place.git("symbolic-ref", OURS, target)


def _refs(place: Place) -> str:
    return place.git("for-each-ref", "--format=%(refname) %(objectname) %(symref)")


def _remove(place: Place, made: Prepared, **fields: Any) -> Removed:
    order = Remove(path=made.path, branch=made.branch, base_commit=made.base_commit, **fields)
    return remove(place.repository(), place.journal, order, "job_1")


def _refused(place: Place, **fields: Any) -> WorkspaceRefused:
    with pytest.raises(WorkspaceRefused) as refused:
        place.prepare(**fields)
    return refused.value


@pytest.mark.parametrize("target", TARGETS)
def test_work_never_begins_on_a_branch_that_is_another_name(place: Place, target: str) -> None:
    _lead_to(place, target)
    before = _refs(place)
    assert _refused(place).code == "branch_symbolic"
    refused = _refused(place, reuse_branch=True)
    assert (refused.code, target in refused.sentence or "chain" in target) == ("branch_symbolic", True)
    assert _refs(place) == before
    assert not place.worktree.exists()
    assert place.prepare(new_branch=True).branch == "issue-42-2"
    place.undo()
    place.git(*refused.hint.partition(", or")[0].removeprefix("git ").split())
    assert place.prepare().branch_created
    assert place.git("symbolic-ref", "HEAD", at=place.worktree) == OURS


@pytest.mark.parametrize("target", TARGETS)
def test_a_removal_and_an_undo_leave_what_the_branch_leads_to(place: Place, target: str) -> None:
    made = place.prepare()
    _lead_to(place, target)
    before = _refs(place)
    with pytest.raises(WorkspaceRefused, match="another name for") as refused:
        _remove(place, made)
    removed = _remove(place, made, confirm=refused.value.hint.rpartition(" ")[2])
    assert (removed.branch_removed, "another name for" in (removed.branch_kept or "")) == (False, True)
    assert _refs(place) == before
    assert not _remove(place, made).branch_removed
    assert _refs(place) == before
    place.git("symbolic-ref", "--delete", OURS)
    place.prepare()
    _lead_to(place, target)
    before = _refs(place)
    entry = place.journal.find(place.order().session_id)
    assert entry is not None
    entry.prepared = None
    place.journal.save(entry)
    place.undo()
    assert _refs(place) == before


def test_what_is_held_by_another_name_of_the_branch_alone_is_lost_with_it(place: Place) -> None:
    made = place.prepare()
    place.commit("feature", "x", at=place.worktree)
    for alias in ("refs/heads/alias", "refs/tags/alias", "refs/remotes/origin/alias"):
        place.git("symbolic-ref", alias, OURS)
    with pytest.raises(WorkspaceRefused, match="1 commit is only here"):
        _remove(place, made)


def test_what_is_confirmed_for_one_work_confirms_nothing_for_another(place: Place) -> None:
    values = []
    for number in ("42", "43"):
        made = place.prepare(
            session_id=f"ses_{number}", branch=f"issue-{number}", directory_name=f"shop-issue-{number}"
        )
        place.git("symbolic-ref", f"refs/heads/issue-{number}", "refs/heads/main")
        with pytest.raises(WorkspaceRefused) as refused:
            _remove(place, made)
        values.append(refused.value.hint.rpartition(" ")[2])
    assert values[0] != values[1]


def test_nothing_is_shipped_from_another_name_and_the_next_step_mends_it(place: Place) -> None:
    made = place.prepare()
    _lead_to(place, "refs/heads/main")
    tip = place.commit("feature", "x", at=place.worktree)
    order = Ship(path=made.path, branch=made.branch, base_branch="main", title="t", body="b")
    with pytest.raises(WorkspaceRefused) as refused:
        ship(place.repository(), order, GitHubAccess(environment=place.environment))
    assert refused.value.code == "branch_symbolic"
    place.git(*refused.value.hint.removeprefix("git ").split(), at=place.folder)
    assert place.git("symbolic-ref", "HEAD", at=place.worktree) == OURS
    assert place.git("rev-parse", OURS) == tip


def test_a_branch_that_becomes_another_name_after_the_look_is_not_followed(place: Place) -> None:
    first, repository = place.git("rev-parse", "HEAD"), place.repository()
    tip = place.commit("more", "x")
    place.git("symbolic-ref", OURS, "refs/heads/main")
    refs.delete(repository, "issue-42", tip)
    place.git("symbolic-ref", OURS, "refs/heads/nowhere")
    refs.create(repository, "issue-42", first, "test")
    place.git("symbolic-ref", "refs/remotes/origin/issue-42", "refs/heads/main")
    refs.note_pushed(repository, "issue-42", first)
    assert (place.git("rev-parse", "main"), "nowhere" in _refs(place)) == (tip, False)


def test_other_refs_that_git_takes_for_the_name_of_the_branch_change_nothing(place: Place) -> None:
    """A tag called as the branch, also one of a blob, and one called `refs/heads/issue-42`: they are not the branch."""
    first = place.git("rev-parse", "HEAD")
    blob = place.git("rev-parse", "HEAD:readme")
    tip = place.commit("more", "x")
    for name, what in (
        ("refs/tags/issue-42", first),
        ("refs/tags/issue-42", blob),
        ("refs/issue-42", first),
        ("refs/tags/refs/heads/issue-42", first),
        ("refs/heads/refs/heads/issue-42", first),
    ):
        place.git("update-ref", name, what)
        made = place.prepare()
        assert (made.branch_created, place.git("rev-parse", "HEAD", at=place.worktree)) == (True, tip), name
        assert place.git("symbolic-ref", "HEAD", at=place.worktree) == OURS
        place.git("pack-refs", "--all")
        assert _remove(place, made).branch_removed, name
        assert place.git("rev-parse", name) == what
        place.git("update-ref", "-d", name)
    assert place.left() == []


def test_a_branch_that_is_rebased_or_bisected_elsewhere_is_in_use(place: Place) -> None:
    """There git is on no branch meanwhile, and comes back to it."""
    place.git("branch", "issue-42")
    other = place.prepare(session_id="ses_other", branch="other", directory_name="shop-other")
    private = place.path / ".git/worktrees/shop-other"
    for folder, file, said in (
        ("rebase-merge", "head-name", f"{OURS}\n"),
        ("rebase-apply", "head-name", f"{OURS}\n"),
        (".", "BISECT_START", "issue-42\n"),
    ):
        (private / folder).mkdir(exist_ok=True)
        (private / folder / file).write_text(said)
        refused = _refused(place, reuse_branch=True)
        assert (refused.code, other.path in refused.sentence) == ("branch_in_use", True), file
        (private / folder / file).unlink()
    assert place.prepare(reuse_branch=True).branch == "issue-42"


def test_a_branch_that_git_cannot_read_is_told_with_what_mends_it(place: Place) -> None:
    file = place.path / ".git" / OURS
    for content in ("broken\n", "ref: refs/heads/issue-42\n", "1" * 40 + "\n"):
        file.write_text(content)
        refused = _refused(place)
        assert refused.code == "branch_broken", content
        assert (str(file) in refused.hint) != ("update-ref" in refused.hint)
        file.unlink()
    file.symlink_to(place.path / ".git/refs/heads/main")
    assert _refused(place, reuse_branch=True).code == "branch_broken"
    file.unlink()
    place.git("branch", "Issue-42")
    assert (_refused(place).code, place.prepare(new_branch=True).branch) == ("branch_exists", "issue-42-2")
