"""A57, S9, S10: names that are no names, places that are no places, repositories that cannot be worked in."""

import os
import subprocess
from pathlib import Path

import pytest

from callboard.workspace import names
from callboard.workspace.refusal import WorkspaceRefused
from tests.workspace.place import Place

HOSTILE_BRANCHES = [
    "",
    "-b",
    "--lock",
    "--upload-pack=touch canary",
    "a..b",
    "a//b",
    "/a",
    "a/",
    ".a",
    "a/.b",
    "a.lock",
    "a/b.lock/c",
    "a.",
    "@",
    "a@{1}",
    "a b",
    "a\tb",
    "a\nb",
    "a\0b",
    "$(touch canary)",
    "a;touch canary",
    "`touch canary`",
    "refs/heads/a",
    "HEAD",
    "HEAD/a",
    "ä",
    "٣",
    "a" * 201,
    "a\\b",
    "a^",
    "a~1",
    "a:b",
    "a*",
    "a?",
    "a[b",
]


def test_a_hostile_name_is_refused_before_git_is_started(place: Place) -> None:
    place.environment["PATH"] = "/nowhere"
    for name in HOSTILE_BRANCHES:
        with pytest.raises(WorkspaceRefused) as refused:
            names.check_branch(name)
        assert refused.value.code == "invalid_branch", name
        with pytest.raises(WorkspaceRefused) as refused:
            place.prepare(branch=name)
        assert refused.value.code == "invalid_branch", name


def test_what_we_let_pass_is_a_name_for_git_too(place: Place) -> None:
    for name in ("issue-42", "a/b-c/d.e", "x" * 200, "1_2.3"):
        assert place.git("check-ref-format", "--branch", names.check_branch(name)) == name


def test_no_folder_outside_its_root_can_be_named(place: Place) -> None:
    for name in ("", ".", "..", "a/b", "a\\b", "-a", "~a", "a\0", "a\n", "x" * 256, "\ud800"):
        with pytest.raises(WorkspaceRefused) as refused:
            place.prepare(directory_name=name)
        assert refused.value.code == "invalid_name", name


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ann:secret@github.com/o/n.git", "https://github.com/o/n.git"),
        ("git@github.com:o/n.git", "git@github.com:o/n.git"),
        ("ssh://ann@github.com:2222/o/n", "ssh://git@github.com:2222/o/n"),
        ("ext::sh -c 'touch canary'", None),
        ("file:///etc", None),
        ("/etc", None),
        ("--upload-pack=touch canary", None),
        ("-oProxyCommand=touch:canary", None),
        ("http://github.com/o/n", None),
        ("ssh://-oProxyCommand=touch/canary", None),
        ("git://github.com/o/n", None),
        ("https://github.com/o/../n", None),
        ("https://[broken", None),
    ],
)
def test_only_https_and_ssh_are_pushed_to_and_no_credential_is_shown(url: str, shown: str | None) -> None:
    assert names.without_credentials(url) == shown


def test_repositories_that_cannot_be_worked_in_are_refused_with_the_reason(place: Place) -> None:
    shallow, bare, empty, plain = (place.folder / "project" / name for name in ("shallow", "bare", "empty", "plain"))
    first, head = place.git("rev-parse", "HEAD"), place.commit("more", "x")
    place.git("branch", "old", first)
    place.git("clone", "--quiet", "--depth=1", f"file://{place.path}", str(shallow))
    place.git("clone", "--quiet", "--bare", str(place.path), str(bare))
    empty.mkdir()
    place.git("init", "--quiet", "--initial-branch=main", at=empty)
    plain.mkdir()
    place.git("worktree", "add", "--quiet", str(place.path.parent / "linked"), "old")
    linked = place.folder / "project" / "link"
    linked.symlink_to(place.path / ".git")
    expected = {
        "bare": "bare_repository",
        "empty": "empty_repository",
        "plain": "not_a_repository",
        "linked": "linked_worktree",
    }
    own = place.path
    for name, code in expected.items():
        place.path = own.parent / name
        with pytest.raises(WorkspaceRefused) as refused:
            place.prepare()
        assert refused.value.code == code, name
    place.path = shallow
    with pytest.raises(WorkspaceRefused) as refused:
        place.prepare(base_branch="old")
    assert (refused.value.code, refused.value.hint) == ("base_missing", "git fetch --unshallow")
    place.path = own
    place.git("checkout", "--quiet", "--detach", head)
    with pytest.raises(WorkspaceRefused) as refused:
        place.prepare()
    assert refused.value.code == "detached_head"
    assert place.prepare(base_branch="old").base_commit == first


def test_nothing_is_put_over_what_is_there(place: Place) -> None:
    place.git("branch", "issue-42")
    place.worktree.with_name("Shop-Issue-42").mkdir()
    with pytest.raises(WorkspaceRefused) as refused:
        place.prepare()
    assert refused.value.code == "path_taken"
    place.worktree.with_name("Shop-Issue-42").rmdir()
    with pytest.raises(WorkspaceRefused) as refused:
        place.prepare()
    assert refused.value.code == "branch_exists"
    place.worktree.symlink_to(place.folder)
    made = place.prepare(new_branch=True)
    assert (made.branch, Path(made.path).name) == ("issue-42-2", "shop-issue-42-2")
    place.undo()
    place.worktree.unlink()
    tip = place.commit("more", "x")
    place.git("branch", "--force", "issue-42", tip)
    place.git("checkout", "--quiet", "-b", "other", "HEAD~1")
    made = place.prepare(reuse_branch=True, base_branch="other")
    assert (made.branch_created, place.git("rev-parse", "HEAD", at=place.worktree)) == (False, tip)
    place.undo()
    assert place.git("rev-parse", "issue-42") == tip


def test_branches_that_git_allows_no_other_beside_are_told_in_words(place: Place) -> None:
    """Issue 5: a branch below the name, and the name itself at work in the repository; each with the next step."""
    place.git("branch", "issue-42/x")
    with pytest.raises(WorkspaceRefused) as refused:
        place.prepare()
    assert (refused.value.code, "--new-branch" in refused.value.hint) == ("branch_exists", True)
    assert place.prepare(new_branch=True).branch == "issue-42-2"
    place.undo()
    place.git("branch", "-m", "issue-42/x", "issue-42")
    place.git("checkout", "--quiet", "issue-42")
    with pytest.raises(WorkspaceRefused) as refused:
        place.prepare(reuse_branch=True)
    assert (refused.value.code, "git switch" in refused.value.hint) == ("branch_in_use", True)


def test_a_committed_link_at_the_worktrees_folder_is_not_followed(place: Place) -> None:
    """S10: what a repository brings does not decide where worktrees are made."""
    outside = place.folder / "outside"
    outside.mkdir()
    (place.path / "trees").symlink_to(outside)
    for root, code in ((place.path / "trees", "link_refused"), (outside, "outside_roots")):
        with pytest.raises(WorkspaceRefused) as refused:
            place.prepare(worktree_root=str(root))
        assert refused.value.code == code
    (place.path / ".git" / "worktrees").symlink_to(outside)
    with pytest.raises(WorkspaceRefused):
        place.prepare()
    assert list(outside.iterdir()) == []


def test_one_works_in_a_repository_at_a_time_and_what_git_still_does_counts(place: Place) -> None:
    """The lock lives in the git that was started under it, also when the runner is gone."""
    with place.repository().locked() as ours:
        assert len(ours.git.held) == 1
        child = subprocess.Popen(["sleep", "30"], pass_fds=ours.git.held)
    flock = subprocess.run(["flock", "-n", place.path / ".git/callboard.lock", "true"], check=False)
    assert flock.returncode == 1
    os.kill(child.pid, 9)
    child.wait()
    assert subprocess.run(["flock", "-n", place.path / ".git/callboard.lock", "true"], check=False).returncode == 0
