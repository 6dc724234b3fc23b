"""S10: outside of its roots a runner works only where a repository inside them says that a worktree of work is."""

from pathlib import Path

import pytest

from callboard.runner.directories import DirectoryRefused, working_directory
from callboard.workspace.journal import Journal
from callboard.workspace.ownership import Workspaces
from tests.workspace.place import Place


def test_a_worktree_of_work_is_ours_and_nothing_that_only_says_so(place: Place) -> None:
    place.prepare()
    another = place.folder / "another"
    another.mkdir()
    ours = Workspaces(place.guarded(), Journal(another), [place.path])
    for known in (Workspaces(place.guarded(), place.journal, [place.path]), ours):
        assert working_directory(str(place.worktree), place.path, [place.path], known.is_ours) == place.worktree
    liar, own = place.folder / "liar", place.folder / "own"
    liar.mkdir()
    (liar / ".git").write_text((place.worktree / ".git").read_text())
    place.git("worktree", "add", "--quiet", "-b", "own", str(own))
    link = place.folder / "link"
    link.symlink_to(place.folder)
    for directory in (liar, own, link, place.folder, place.worktree.parent):
        with pytest.raises(DirectoryRefused):
            working_directory(str(directory), place.path, [place.path], ours.is_ours)
    elsewhere = Workspaces(place.guarded(), place.journal, [Path("/nowhere")])
    assert not elsewhere.is_ours(place.worktree)
