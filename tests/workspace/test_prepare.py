"""A55: a worktree is made whole or not at all, and what is undone is exactly what was made."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from callboard.workspace.preparation import recover
from callboard.workspace.refusal import WorkspaceRefused
from tests.support.full_disk import full_disk
from tests.workspace.place import SESSION, Place

FAILING_GIT = """#!/bin/sh
count=$(($(cat "$0.count") + 1))
echo $count > "$0.count"
if [ $count -{when} $(cat "$0.at") ]; then {what}; fi
exec {git} "$@"
"""


def _git_that(place: Place, what: str, when: str = "eq") -> Path:
    """A `git` first on the runner's PATH that does something at its n-th call, or from it on."""
    folder = place.folder / "first"
    folder.mkdir()
    found = next(Path(one, "git") for one in os.environ["PATH"].split(":") if Path(one, "git").exists())
    program = folder / "git"
    program.write_text(FAILING_GIT.format(what=what, when=when, git=found))
    program.chmod(0o755)
    place.environment["PATH"] = f"{folder}:{place.environment['PATH']}"
    return program


def _at(program: Path, call: int) -> None:
    Path(f"{program}.at").write_text(str(call))
    Path(f"{program}.count").write_text("0")


def test_branch_worktree_and_state_file_are_there_and_said_twice_it_is_done_once(place: Place) -> None:
    (place.path / "not committed").write_text("")
    made = place.prepare()
    assert (made.path, made.branch, made.base_branch, made.branch_created) == (
        str(place.worktree),
        "issue-42",
        "main",
        True,
    )
    assert made.base_commit == place.git("rev-parse", "main")
    assert place.git("status", "--porcelain", "--branch", at=place.worktree) == "## issue-42"
    state = place.path / ".git/worktrees/shop-issue-42/work-42.json"
    assert json.loads(state.read_text())["issues"][0]["title"] == "Prices are wrong"
    assert state.stat().st_mode & 0o777 == 0o600
    assert place.prepare() == made
    place.undo()
    assert place.left() == []
    place.undo()
    assert place.prepare() == made


def test_a_dry_run_makes_nothing(place: Place) -> None:
    assert place.prepare(dry_run=True).path == str(place.worktree)
    assert place.left() == []


def test_git_that_fails_at_any_step_leaves_nothing_behind(place: Place) -> None:
    program = _git_that(place, "echo broken >&2; exit 128")
    refused = 0
    for call in range(1, 60):
        _at(program, call)
        try:
            place.prepare()
        except WorkspaceRefused:
            refused += 1
            assert place.left() == [], f"call {call}"
            continue
        if int(Path(f"{program}.count").read_text()) < call:
            break
        place.undo()
    assert refused >= 5
    assert place.worktree.is_dir()


def test_git_that_fails_from_any_step_on_leaves_nothing_once_it_works(place: Place) -> None:
    """The undo fails as well: what it could not find out is no reason to forget a branch, and said is what git said."""
    program = _git_that(place, "echo broken >&2; exit 128", when="ge")
    said: set[str] = set()
    for call in range(1, 60):
        _at(program, call)
        try:
            place.prepare()
            break
        except WorkspaceRefused as refused:
            said.add(refused.code)
        _at(program, 1000)
        recover(place.guarded(), place.journal)
        assert place.left() == [], f"call {call}"
    assert (said, call >= 5) == ({"git_failed"}, True)


def test_what_could_not_be_undone_is_undone_by_the_next_preparation(place: Place) -> None:
    program = _git_that(place, "true")
    _at(program, 0)
    broken = program.read_text().replace("exec", 'case "$*" in *read-tree*|*" -d "*) exit 128;; esac\nexec')
    whole = program.read_text()
    program.write_text(broken)
    with pytest.raises(WorkspaceRefused):
        place.prepare()
    assert "issue-42" in place.left()
    program.write_text(whole)
    made = place.prepare(session_id="ses_01hzzzzzzzzzzzzzzzzzzzzzzy")
    assert (made.branch, place.worktree.is_dir()) == ("issue-42", True)


KILLED = """
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tests.workspace.place import Place
place = object.__new__(Place)
place.folder, place.path = Path(sys.argv[1]), Path(sys.argv[1]) / "project" / "shop"
from callboard.workspace.journal import Journal
place.journal, place.environment = Journal(place.folder / "work"), {"PATH": sys.argv[2]}
place.prepare()
"""


def test_kill_9_at_any_step_is_recovered_from(place: Place) -> None:
    """The runner dies while git works; git may live on, and the next process waits for it."""
    program = _git_that(place, "kill -9 $PPID; sleep 0.1")
    killed = 0
    for call in range(1, 60):
        _at(program, call)
        argv = [sys.executable, "-c", KILLED, str(place.folder), place.environment["PATH"]]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        killed += 1
        _at(program, 0)
        recover(place.guarded(), place.journal)
        for view in (place.folder / "home").iterdir():
            view.rename(place.folder / f"old-{view.name}-{call}")
        assert place.left() == [], f"call {call}"
    assert killed >= 5
    assert json.loads((place.journal.folder / f"{SESSION}.json").read_text())["prepared"]


def test_a_full_disk_is_said_and_leaves_nothing_behind(place: Place) -> None:
    """Disk full at the worktree; once there is room the same order works."""
    place.commit("large", "x" * 3_000_000)
    small = place.folder / "small"
    with full_disk(small, os.getpid()) as disk:
        with pytest.raises(WorkspaceRefused) as refused:
            place.prepare(worktree_root=str(small))
        assert refused.value.code == "outside_roots"
        with pytest.raises(WorkspaceRefused) as refused:
            place.prepare(worktree_root=str(small), roots=(small,))
        assert refused.value.code == disk.code
        assert place.left() == []
        assert list(small.iterdir()) == []
    place.prepare()
