"""Work in a real repository: a runner prepares the worktree, its runs work there, and it goes without losing work."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.coordinator import payload_of, until
from tests.support.runner import Runner
from tests.support.work import Workshop
from tests.support.world import World

WORKER = """
[executors.worker]
type = "command"
prompt_is_data = true
argv = ["sh", "-c", "pwd > made.txt"]
"""
EDITOR = """
[executors.worker]
type = "command"
prompt_is_data = true
argv = ["sh", "{script}"]
"""
EDITS = r"""
file=$(git rev-parse --git-dir)/work-1.json
judged() { while ! grep -q '"status": null' "$file"; do sleep 0.1; done; }
report() { sed -i "s/\"status\": null/\"status\": \"$1\"/" "$file"; }
report planning; judged
report pr_ready; judged
grep report_error "$file" > refused
printf garbage > "$file"; judged
sed -i 's/"status": null/"status": "stuck"/; s/"reason": null/"reason": "Which table stays?"/' "$file"
"""
BROKEN = """#!/bin/sh
case "$*" in *read-tree*|*update-ref*" -d "*) if [ -e {marker} ]; then echo 'no such luck' >&2; exit 128; fi;; esac
exec {git} "$@"
"""
ONCE = """#!/bin/sh
case "$*" in *{step}*) if [ -e {marker} ]; then rm {marker}; {what}; fi;; esac
exec {git} "$@"
"""


class Shop(Workshop):
    """The project's directory as a repository, and a coordinator that knows it."""

    def __init__(self, world: World, **settings: Any) -> None:
        self.world = world
        self.path = world.project
        git(self.path, "init", "--quiet", "--initial-branch=main")
        (self.path / "readme").write_text("hello\n")
        git(self.path, "add", "readme")
        git(self.path, "commit", "--quiet", "-m", "first")
        super().__init__(world.coordinator(**settings), "shop", str(self.path), hostname=socket.gethostname())
        self.issues(3)

    def runner(self, **offer: Any) -> Runner:
        return self.world.runner(self.coordinator, **offer)

    def ask(self, session_id: str, kind: str, **body: Any) -> dict[str, Any]:
        """A job in the session's worktree, once it has ended."""
        answer = self.coordinator.http.post(f"/sessions/{session_id}/jobs", json={"kind": kind} | body)
        assert answer.status_code in (201, 202), answer.text
        return self.job(answer.json()["job_id"])

    def left(self) -> list[str]:
        """Branches and folders besides those of the person."""
        branches = git(self.path, "branch", "--format=%(refname:short)").split()
        return [one for one in branches if one != "main"] + [
            one.name for one in self.path.parent.glob("project-*") if one.is_dir()
        ]


@pytest.fixture
def one_world(tmp_path: Path) -> Iterator[World]:
    """Yield an empty world for what no database decides."""
    with World(tmp_path) as made:
        yield made


def git(at: Path, *arguments: str) -> str:
    """What git says to a person."""
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@localhost")
    return subprocess.run(["git", *who, *arguments], cwd=at, capture_output=True, text=True, check=True).stdout.strip()


def git_that_once(world: World, step: str, what: str) -> tuple[tuple[str, ...], Path]:
    """How to start a runner whose git does something at one step, once; and the mark that makes it do so."""
    return git_that(world, ONCE, step=step, what=what)


def git_that(world: World, script: str, **words: str) -> tuple[tuple[str, ...], Path]:
    """How to start a runner whose git is this script while a mark is there; and the mark."""
    folder, marker = world.folder / "first", world.folder / "once"
    folder.mkdir()
    marker.touch()
    program = folder / "git"
    program.write_text(script.format(marker=marker, git=shutil.which("git"), **words))
    program.chmod(0o755)
    return ("env", f"PATH={folder}:{os.environ['PATH']}"), marker


def test_a_session_works_in_its_own_worktree_and_nothing_of_it_is_lost(world: World) -> None:
    shop = Shop(world)
    shop.runner(executors=("worker",), tables=WORKER)
    spawned = shop.spawned(1, 2, executor_type="worker")
    made = shop.job(spawned["job_id"])
    assert made["status"] == "done", made
    tree = Path(made["answer"]["path"])
    assert (tree.name, git(tree, "branch", "--show-current")) == ("project-issues-1-2", "issues-1-2")
    private = Path(git(tree, "rev-parse", "--absolute-git-dir"))
    assert '"Issue 1"' in (private / "work-1.json").read_text()
    assert shop.coordinator.ended(spawned["run_id"]).reason == "completed"
    session_id = spawned["session_id"]
    assert (tree / "made.txt").read_text().strip() == str(tree)
    shown = shop.coordinator.http.get(f"/sessions/{session_id}/diff").json()
    assert ([one["path"] for one in shown["files"]], shown["uncommitted"]) == (["made.txt"], True)
    (tree / "made.txt").rename(world.folder / "aside")
    shown = shop.coordinator.http.get(f"/sessions/{session_id}/diff").json()
    assert (shown["text"], shown["files"], shown["uncommitted"], shown["unpushed"]) == ("", [], False, 0)
    (world.folder / "aside").rename(tree / "made.txt")
    refused = shop.ask(session_id, "remove")
    assert refused["error"]["code"] == "work_would_be_lost"
    assert "made.txt" in refused["error"]["message"]
    removed = shop.ask(session_id, "remove", confirm=refused["error"]["hint"].rpartition(" ")[2])
    assert (removed["status"], shop.left()) == ("done", [])
    assert shop.session(session_id)["work"]["state"] == "removed"


@pytest.mark.either_database
def test_a55_what_could_not_be_undone_is_told_and_undone_as_soon_as_that_is_possible(world: World) -> None:
    """A55: the undo of a failed preparation fails as well; nobody has to ask for it once more, or to restart."""
    shop = Shop(world, undo_retry_seconds=0.5)
    within, broken = git_that(world, BROKEN)
    shop.runner(within=within)
    session_id = shop.spawned(1)["session_id"]
    until(lambda: shop.session(session_id)["work"]["undo_error"], 15, "the undo has failed, too")
    callboard = world.command_line(shop.coordinator)
    (left,) = callboard("worktrees", "--json").value["items"]
    assert (left["half_made_for"], left["branch"], left["lifecycle"]) == (session_id, "issue-1", "cancelled")
    assert "half made" in callboard("worktrees").out
    told = {one["name"]: one for one in callboard("doctor", "--json").value["findings"]}
    assert ("no such luck" in told["worktree"]["sentence"], shop.left()) == (True, ["issue-1"])

    broken.unlink()
    until(lambda: shop.session(session_id)["work"]["state"] == "undone", 20, "undone")
    assert (shop.left(), callboard("worktrees", "--json").value["items"]) == ([], [])
    notes = [payload_of(one)["text"] for one in shop.coordinator.events(session_id, "note")]
    assert sum("not removed" in text for text in notes) == 1

    kept = shop.spawned(1)
    path = shop.job(kept["job_id"])["answer"]["path"]
    assert callboard("delete", "1", "--keep-worktree").code == 0
    (left,) = callboard("worktrees", "--json").value["items"]
    assert (left["path"], left["session_id"], left["lifecycle"]) == (path, kept["session_id"], "deleted")
    assert "no session" not in callboard("worktrees").out
    assert callboard("worktrees", "--remove", path).code == 0
    assert shop.session(kept["session_id"])["work"]["state"] == "removed"


def test_a_runner_that_is_killed_amid_a_spawn_makes_it_when_it_is_back(one_world: World) -> None:
    """Kill -9 of the runner in the middle: what it began is undone, and the order is done anew."""
    world, shop = one_world, Shop(one_world)
    within, marker = git_that_once(world, "worktree", "kill -9 $PPID; sleep 0.2")
    runner = shop.runner(within=within)
    spawned = shop.spawned(1)
    runner.program.ended(20)
    assert not marker.exists()
    runner.restart()
    made = shop.job(spawned["job_id"], 40)
    assert made["status"] == "done", made
    assert sorted(shop.left()) == ["issue-1", "project-issue-1"]
    assert git(Path(made["answer"]["path"]), "status", "--porcelain") == ""


@pytest.mark.timeout(120)
def test_a_worker_reports_by_its_state_file(one_world: World) -> None:
    """What it writes there is judged as any report is; a refusal stands in the file, the last word before the end."""
    world, shop = one_world, Shop(one_world)
    script = world.folder / "worker.sh"
    script.write_text(EDITS)
    shop.runner(executors=("worker",), tables=EDITOR.format(script=script))
    spawned = shop.spawned(1, executor_type="worker")
    tree = Path(shop.job(spawned["job_id"])["answer"]["path"])
    shop.coordinator.ended(spawned["run_id"])
    session = shop.session(spawned["session_id"])
    assert (session["lifecycle"], session["work"]["stuck_reason"]) == ("stuck", "Which table stays?")
    moves = [payload_of(one)["to"] for one in shop.coordinator.events(spawned["session_id"], "lifecycle_changed")]
    assert moves == ["working", "planning", "stuck"]
    assert "pr_ready is not possible from planning" in (tree / "refused").read_text()
    state = json.loads((Path(git(tree, "rev-parse", "--absolute-git-dir")) / "work-1.json").read_text())
    assert (state["report"]["status"], state["issues"][0]["title"]) == (None, "Issue 1")
