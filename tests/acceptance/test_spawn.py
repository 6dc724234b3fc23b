"""`callboard spawn` with real git, runners and the command line: what a person types, and what is there afterwards."""

import shutil
import socket
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.command import CommandLine
from tests.support.coordinator import QUICK, Coordinator, until
from tests.support.database import postgresql_only, query, row_counts, sqlite_only
from tests.support.repository import Repository
from tests.support.world import World, hold

pytestmark = pytest.mark.timeout(120)  # twenty commands, each a process, on a machine that may be busy

REFUSED: Final = (
    (("1", "01", "+5", "-3", "0", "٤", "1"), 2, ("01", "+5", "-3", "0", "٤", "1: given twice")),
    (tuple(str(number) for number in range(1, 23)), 2, ("22 issues: at most 20",)),
    (("0", "1", "998"), 2, ("0: no number", "998: no such issue")),
    (("7", "1", "9"), 3, ("issue 7, 9",)),
    (("2", "--detach"), 2, ("spawn has no option --detach", "callboard spawn --help")),
    (("1", "--host", "nowhere"), 8, ("no place on nowhere", "callboard project add")),
)


OF_WORK: Final = ("sessions", "work_sessions", "session_issues", "active_issues", "issues", "runs", "jobs")

WORKER: Final = """---
name: worker
description: Has a child work in the worktree.
executor: scripted
---
child sync - run pwd > of-a-child
"""


class Shop:
    """A project in a real repository, with two issues, and the command line of a person who stands in it."""

    def __init__(self, world: World, **settings: Any) -> None:
        self.world = world
        self.coordinator: Coordinator = world.coordinator(**settings)
        self.repository = Repository(world.project)
        self.callboard: CommandLine = world.command_line(self.coordinator)
        self.do("project", "add")
        self.do("task", "new", "The login test is flaky", "--body", "On Mondays.")
        self.do("task", "new", "Use JWT")

    def do(self, *words: str) -> Any:
        """A command that works; what it prints as JSON."""
        done = self.callboard(*words, "--json")
        assert done.code == 0, done.err
        return done.value

    def refused(self, code: int, *words: str) -> str:
        """A command that is refused with this exit code; what it says."""
        done = self.callboard(*words)
        assert done.code == code, (done.code, done.out, done.err)
        return done.err

    def lifecycle(self, session_id: str, **move: str) -> None:
        """A report or an action."""
        answer = self.coordinator.http.post(f"/sessions/{session_id}/lifecycle", json=move)
        assert answer.status_code == 200, answer.text

    @property
    def left(self) -> tuple[set[str], set[str], set[str]]:
        """Branches, worktrees and folders in the repository."""
        return self.repository.branches, self.repository.worktrees, self.repository.folders


def names(*branches: str) -> tuple[set[str], set[str], set[str]]:
    """What is left of these: branch, worktree and folder of each."""
    folders = {f"project-{branch}" for branch in branches}
    return set(branches), folders, folders


def an_issue_is_changed_and_closed(shop: Shop) -> None:
    """50: the local tracker needs no page: the command line makes, changes and closes its issues."""
    number = str(shop.do("task", "new", "Third", "--body", "Words.")["number"])
    changed = shop.do("task", "edit", number, "--title", "Better", "--state", "closed")
    assert (changed["title"], changed["body"], changed["state"]) == ("Better", "Words.", "closed")
    assert number not in [str(one["number"]) for one in shop.do("list", "--issues")["items"]]
    assert "--state" in shop.refused(2, "task", "edit", number)
    assert "title" in shop.refused(2, "task", "edit", number, "--title", "")


def test_a50_a51_a52_a56_spawn_list_and_get(world: World) -> None:
    """A50 the names; A51 either direction; A52 what is over does not block; A56 list and get change nothing."""
    shop = Shop(world)
    (agents := world.project / ".callboard" / "agents").mkdir(parents=True)
    (agents / "worker.md").write_text(WORKER, encoding="utf-8")
    world.runner(shop.coordinator)
    what_cannot_be_meant_is_refused(shop)
    an_issue_is_changed_and_closed(shop)

    looked = shop.do("spawn", "2", "1", "--dry-run")
    assert (looked["session_id"], looked["branch"]) == (None, "issues-2-1")
    assert (shop.left, query(shop.coordinator, "SELECT * FROM sessions")) == (names(), [])

    made = shop.do("spawn", "2", "1", "--agent", "worker", "--budget", "2.00")
    place = world.folder / "project-issues-2-1"
    assert (made["handle"], made["branch"], Path(made["path"])) == ("2", "issues-2-1", place)
    assert made["executor_type"] == "scripted"
    assert made["base_commit"] == shop.repository.git("rev-parse", "main")
    assert shop.left == names("issues-2-1")
    assert (shop.repository.path / ".git" / "worktrees" / place.name / "work-2.json").is_file()
    run = shop.coordinator.ended(made["run_id"])
    assert (place / "of-a-child").read_text(encoding="utf-8") == f"{place}\n"
    assert (run.trigger, run.project_dir) == ("issue", None)
    assert "The login test is flaky" in (run.prompt or "")
    assert str(place) in (run.prompt or "")

    for again in (["1"], ["2", "1"]):
        told = shop.refused(8, "spawn", *again)
        assert "issue 1" in told.lower()
        assert made["session_id"] in told
    looking_changes_nothing(shop, made, place)

    shop.lifecycle(made["session_id"], report="complete")
    assert shop.do("list")["items"] == []
    assert [one["lifecycle"] for one in shop.do("list", "--all")["items"]] == ["complete"]
    assert "path_taken" in shop.refused(8, "spawn", "2", "1")
    assert query(shop.coordinator, "SELECT * FROM active_issues") == []
    again = shop.do("spawn", "2", "1", "--new-branch")
    assert (again["branch"], shop.do("get", "1")["session_id"]) == ("issues-2-1-2", again["session_id"])
    assert shop.left == names("issues-2-1", "issues-2-1-2")


def looking_changes_nothing(shop: Shop, made: dict[str, Any], place: Path) -> None:
    """A56: `list` and `get` of all references, also while the worktree cannot be seen."""
    before = everything(shop, place)
    (listed,) = shop.do("list")["items"]
    people_see_it(shop, place)
    for reference in ("1", "2", made["session_id"][-8:]):
        assert shop.do("get", reference) == listed
    assert [issue["number"] for issue in listed["issues"]] == [2, 1]
    assert CommandLine(place, shop.callboard.environment)("get", "1", "--json").value == listed
    place.rename(shop.world.folder / "aside")
    assert shop.do("list")["items"] == [listed]
    (shop.world.folder / "aside").rename(place)
    assert everything(shop, place) == before


def everything(shop: Shop, place: Path) -> tuple[object, ...]:
    """All that `list` and `get` could change: rows, refs of the repository, and the state file with its time."""
    rows = [sorted(map(str, query(shop.coordinator, f"SELECT * FROM {table}"))) for table in OF_WORK]  # noqa: S608
    state = shop.repository.path / ".git" / "worktrees" / place.name / "work-2.json"
    file = (state.read_bytes(), state.stat().st_mtime_ns)
    return row_counts(shop.coordinator), rows, shop.repository.git("for-each-ref"), shop.left, file


def people_see_it(shop: Shop, place: Path) -> None:
    """All issues, the place and what is left to spend."""
    shown = shop.callboard("get", "1").out
    assert ("budget       $2.0000 left" in shown, f":{place}\n" in shown) == (True, True)
    assert "Use JWT (and 1 more)" in shop.callboard("list").out


@sqlite_only
def test_the_projects_own_agent_works_and_its_worktree_is_not_taken_away_under_it(world: World) -> None:
    """40, 50: the agent of another directory is never meant; `project add` uploads; only leftovers are removed."""
    shop = Shop(world)
    world.runner(shop.coordinator)
    for place, word in ((world.folder / "other", "foreign"), (world.project, "own")):
        (agents := place / ".callboard" / "agents").mkdir(parents=True)
        text = f"---\nname: coder\nexecutor: scripted\n---\nsay {word}\n{hold('agent')}\n"
        (agents / "coder.md").write_text(text, encoding="utf-8")
    shop.do("agent", "sync", "--project-dir", str(world.folder / "other"))
    assert "callboard agent sync" in shop.refused(3, "spawn", "1", "--agent", "coder")
    shop.do("project", "add")
    made = shop.do("spawn", "1", "--agent", "coder")
    until(lambda: "own" in shop.coordinator.said(made["session_id"]), 30, "the agent of this project says so")

    assert "callboard delete 1" in shop.refused(8, "worktrees", "--remove", made["path"])
    assert "no worktree at /nope" in shop.refused(3, "worktrees", "--remove", "/nope")
    assert Path(made["path"]).is_dir()
    (Path(made["path"]) / "agent").touch()
    shop.coordinator.ended(made["run_id"])
    later = shop.do("resume", "1", "Go on.", "--agent", "coder")
    assert shop.coordinator.ended(later["run_id"]).status == "completed"
    the_worktree_is_of_its_project(shop, Path(made["path"]))
    (taken,) = shop.coordinator.http.post(
        f"/projects/{shop.do('project', 'show')['project_id']}/spawn", json={"issues": [1]}
    ).json()["errors"]
    assert (taken["title"], taken["lifecycle"]) == ("The login test is flaky", "working")
    shop.lifecycle(made["session_id"], report="complete")
    (Path(made["path"]) / "agent").unlink()
    shop.do("worktrees", "--remove", made["path"])
    assert not Path(made["path"]).exists()


def the_worktree_is_of_its_project(shop: Shop, place: Path) -> None:
    """40: whoever stands there has the agents and settings of the repository, and makes no other project of it."""
    there = CommandLine(place, shop.callboard.environment)
    settings = shop.repository.path / ".callboard" / "config.toml"
    settings.write_text('agent = "coder"\n', encoding="utf-8")
    done = there("run", "say more", "--json")
    assert done.code == 0, done.err
    settings.unlink()
    begun = shop.coordinator.http.get(f"/runs/{done.value['run_id']}").json()
    assert (begun["agent_name"], begun["agent"]["scope"]) == ("coder", "project")
    assert there("stop", begun["session_id"]).code == 0
    for words in (("agent", "sync"), ("project", "add")):
        refused = there(*words)
        assert (refused.code, str(shop.repository.path) in refused.err) == (2, True), refused.err
    assert [one["name"] for one in shop.do("project", "list")["items"]] == ["project"]


def what_cannot_be_meant_is_refused(shop: Shop) -> None:
    """All that is wrong is named, and nothing is made."""
    for words, code, said in REFUSED:
        told = shop.refused(code, "spawn", *words)
        assert all(one in told for one in said), told
    assert shop.left == names()


@postgresql_only
def test_a_spawn_that_nobody_prepares_says_what_to_do_and_leaves_nothing(world: World) -> None:
    shop = Shop(world, **QUICK, prepare_seconds=1)
    shop.do("project", "add", "--host", "elsewhere")
    here = socket.gethostname()
    project_id = shop.do("project", "show")["project_id"]
    only = shop.coordinator.http.post(f"/projects/{project_id}/spawn", json={"issues": [2], "hostname": here}).json()
    waits = shop.coordinator.http.get(f"/runs/{only['run_id']}/why").json()["sentence"]
    assert (f"({here}:{shop.repository.path})" in waits, "elsewhere" in waits) == (True, False), waits
    until(lambda: not query(shop.coordinator, "SELECT * FROM active_issues"), 10, "the first one is undone")
    told = shop.refused(7, "spawn", "1", "2", "--host", here)
    assert (f"(places: {here}:{shop.repository.path})" in told, "elsewhere" in told) == (True, False), told
    assert f"callboard runner --project-dir {shop.repository.path}" in told
    assert query(shop.coordinator, "SELECT * FROM active_issues") == []
    reason = next(line for line in told.splitlines() if line.startswith("error: ")).removeprefix("error: ")
    assert f"because      {reason}" in shop.callboard("get", "1").out
    why = shop.callboard("why", "1").out
    assert f"Its worktree was not made: {reason}" in why
    assert "\nnext: When that is mended: callboard spawn 1 2\n" in why
    world.runner(shop.coordinator)
    shop.do("spawn", "2", "1")
    assert shop.left == names("issues-2-1")


def another_repository_in_its_place_is_not_ours(shop: Shop, way: str) -> None:
    """R24: no agent works there, and no delete counts or removes it."""
    made = shop.do("spawn", "1", "--reuse-branch")
    shop.coordinator.ended(made["run_id"])
    place = Path(made["path"])
    shutil.rmtree(place)
    theirs = Repository(place)
    theirs.git("commit", "--quiet", "--allow-empty", "--message", "theirs")
    refused = shop.refused(1, "resume", "1", "write hacked x", "--wait")
    assert ("another repository" in refused, way in refused, (place / "hacked").exists()) == (True, True, False)
    (listed,) = shop.do("worktrees")["items"]
    assert (listed["path"], listed["instead"], listed["unpushed"]) == (str(place), "another repository there", 1)
    assert "is not ours, and was left alone" in shop.callboard("delete", "1", "--keep-branch").err
    assert theirs.git("log", "-1", "--format=%s") == "theirs"
    last = shop.do("spawn", "1", "--reuse-branch")
    assert shop.repository.git("log", "-1", "--format=%s", last["branch"]) == "kept"


@sqlite_only
def test_r24_a_worktree_that_somebody_removed_is_told_with_the_way_to_go_on_from_its_branch(world: World) -> None:
    """R24: the run fails with the reason, and the two commands that `why` names lead on from what was committed."""
    shop = Shop(world)
    world.runner(shop.coordinator)
    made = shop.do("spawn", "1")
    shop.coordinator.ended(made["run_id"])
    place = Path(made["path"])
    shop.repository.git("-C", str(place), "commit", "--quiet", "--allow-empty", "--message", "kept")
    shutil.rmtree(place)
    way = "callboard delete 1 --keep-branch, then callboard spawn 1 --reuse-branch"
    refused = shop.refused(1, "resume", "1", "say more", "--wait")
    assert ("is not there any more" in refused, way in refused) == (True, True)
    assert shop.do("why", "1")["next_step"] == shop.do("get", "1")["work"]["next_step"] == way
    assert shop.do("get", "1")["work"]["next_move"] == "begin_from_branch"
    assert f"next: {way}\n" in shop.callboard("forward", "1", "Go on.").err
    assert f"next:  {way}\n" in shop.refused(8, "ship", "1")
    for _ in ("git knows it", "git has forgotten it"):
        (listed,) = shop.do("worktrees")["items"]
        assert (listed["path"], listed["missing"], listed["next_step"]) == (str(place), True, way)
        shop.repository.git("worktree", "prune")
    shop.do("delete", "1", "--keep-branch")
    again = shop.do("spawn", "1", "--reuse-branch")
    assert (again["path"], shop.repository.git("log", "-1", "--format=%s", "issue-1")) == (made["path"], "kept")
    # A link in its place leads nobody to where it points, although that lies inside the roots.
    shop.coordinator.ended(again["run_id"])
    shutil.rmtree(place)
    place.symlink_to(shop.repository.path)
    assert "but a link" in shop.refused(1, "resume", "1", "write hacked x", "--wait")
    assert not (shop.repository.path / "hacked").exists()
    assert "is a link; it was not followed" in shop.callboard("delete", "1", "--keep-branch").err
    another_repository_in_its_place_is_not_ours(shop, way)
    # A number means the latest work: here one that was never begun.
    (world.folder / "project-issue-2").mkdir()
    assert "callboard worktrees --remove" in shop.refused(8, "spawn", "2")
    assert "nothing to confirm" in shop.refused(2, "delete", "2", "--confirm", "lose-0123456789")
    assert "has no worktree" in shop.callboard("delete", "2").err
    # The path may be said as it is typed; a link alone is not followed.
    shop.repository.git("worktree", "add", "--quiet", "-b", "left", str(world.folder / "project-left"))
    (world.folder / "link").symlink_to(world.folder / "project-left")
    assert "is a link, which is not followed" in shop.refused(1, "worktrees", "--remove", "../link")
    assert shop.do("worktrees", "--remove", "../project/../project-left")["path"].endswith("/project-left")
