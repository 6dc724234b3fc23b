"""Trouble amid a spawn, with real git, runners and trackers: nothing is left of it, and the next spawn works."""

from pathlib import Path

import pytest

from tests.support.coordinator import QUICK, Coordinator
from tests.support.full_disk import full_disk
from tests.support.github import TOKEN, GitHub
from tests.support.repository import Repository
from tests.support.site import NOBODY, FailingGit, Site
from tests.support.work import Workshop
from tests.support.world import World

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def coordinator(lone: World) -> Coordinator:
    """Return the coordinator of all tests here, each of which has a host of its own."""
    return lone.coordinator(**QUICK)


def names(*branches: str) -> tuple[set[str], set[str], set[str]]:
    """What is there of these: branch, worktree and folder of each."""
    folders = {f"web-{branch}" for branch in branches}
    return set(branches), folders, folders


def test_a55_git_that_fails_at_any_step_leaves_nothing_and_the_next_spawn_works(
    lone: World, coordinator: Coordinator
) -> None:
    """A55: once at each of its calls; the sentence says what git said or left undone; then the same is spawned."""
    site, git = Site(lone, coordinator, "steps"), FailingGit(lone.folder / "failing-git")
    lone.runner(coordinator, hostname="steps", within=git.within)
    failed: list[str] = []
    for call in range(1, 60):
        git.fail_at(call)
        spawned = site.spawned(1, 2, executor_type=NOBODY)
        job = site.job(spawned["job_id"])
        if job["status"] == "done":
            break
        site.assert_nothing_left(spawned["session_id"])
        failed.append(job["error"]["message"])
    assert 5 <= git.calls == len(failed)
    unexplained = [message for message in failed if "no such luck" not in message]
    assert unexplained == ["The worktree is not on 'issues-1-2' as git was told to make it."]
    assert site.left == names("issues-1-2")


def test_issue_5_a_full_disk_is_said_and_with_room_the_same_spawn_works(lone: World, coordinator: Coordinator) -> None:
    trees = lone.project / "small" / "trees"
    site = Site(lone, coordinator, "small", settings={"worktree_root": str(trees)})
    (site.repository.path / "large").write_text("x" * 3_000_000, encoding="ascii")
    site.repository.git("add", "large")
    site.repository.git("commit", "-q", "-m", "Large")
    runner = lone.runner(coordinator, hostname="small")
    with full_disk(trees, runner.program.pid) as disk:
        error = site.refused(1, 2)
        assert error["code"] == disk.code
        assert list(trees.iterdir()) == []
        disk.make_room()
        made = site.prepared(1, 2, executor_type=NOBODY)
        assert (Path(made["path"]).parent, (Path(made["path"]) / "large").stat().st_size) == (trees, 3_000_000)


def test_issue_5_a_tracker_that_goes_down_in_the_middle_is_said_and_keeps_nothing(
    lone: World, coordinator: Coordinator
) -> None:
    """Issue 5: it answers for the first of two issues, and not for the second."""
    with GitHub(lone.folder / "github") as github:
        site = Site(lone, coordinator, "tracked", tracker="github", remote_url=github.remote)
        site.repository.git("push", "-q", str(github.bare), "main")
        site.repository.git("remote", "add", "origin", github.remote)
        token = lone.folder / "github-token"
        token.write_text(TOKEN, encoding="ascii")
        access = f'[runner]\ngithub_token_file = "{token}"\ngithub_api_url = "{github.api_url}"\n'
        lone.runner(coordinator, hostname="tracked", tables=access)
        for number in (1, 2):
            github.issue(number, f"Issue {number}", "Now.")
        github.answers_left = 1
        error = site.refused(1, 2)
        assert (error["code"], "503" in error["message"], error["hint"]) == (
            "tracker_unavailable",
            True,
            "Try again later.",
        )
        assert [one.rpartition("/")[2] for one in github.asked] == ["1", "2"]
        github.answers_left = None
        made = site.prepared(1, 2, executor_type=NOBODY)
        assert [one["title"] for one in made["issues"]] == ["Issue 1", "Issue 2"]
        assert site.left == names("issues-1-2")


def test_issue_5_work_on_a_machine_that_is_down_waits_for_it_and_ended_it_is_begun_elsewhere(
    lone: World, coordinator: Coordinator
) -> None:
    """Issue 5: two runners; `why` says for whom a run waits and what to look at; what lies on that machine stays."""
    site = Site(lone, coordinator, "alpha")
    elsewhere = Repository(lone.project / "beta" / "web")
    Workshop(coordinator, "alpha", str(elsewhere.path), hostname="beta")
    alpha, beta = (lone.runner(coordinator, hostname=name) for name in ("alpha", "beta"))
    first, second = (site.prepared(number, hostname="alpha") for number in (1, 2))
    for made in (first, second):
        assert coordinator.ended(made["run_id"]).runner_id == alpha.runner_id
    (notes := Path(first["path"]) / "notes").write_text("mine\n", encoding="ascii")
    alpha.kill()
    coordinator.until_runner(alpha.runner_id, "lost")

    waits = coordinator.resume(second["session_id"], "say more")
    told = lone.command_line(coordinator)("why", waits.run_id, "--json")
    why = told.value
    assert (why["code"], "alpha" in why["sentence"]) == ("runner_lost", True), told.out
    assert why["next_step"] == "Look whether alpha is up and its runner runs."
    reasons = {one["hostname"]: [each["code"] for each in one["reasons"]] for one in why["runners"]}
    assert (reasons["alpha"], "hostname_differs" in reasons["beta"]) == (["runner_lost"], True)

    taken = site.spawn(1)
    assert (taken.status_code, taken.json()["errors"][0]["session_id"]) == (409, first["session_id"])
    ended = coordinator.http.post(f"/sessions/{first['session_id']}/lifecycle", json={"action": "cancel"})
    assert ended.status_code == 200, ended.text
    begun = site.prepared(1)
    assert (begun["hostname"], elsewhere.branches) == ("beta", {"issue-1"})
    assert coordinator.ended(begun["run_id"]).runner_id == beta.runner_id
    assert notes.read_text(encoding="ascii") == "mine\n"

    alpha.restart()
    assert coordinator.ended(waits.run_id).runner_id == alpha.runner_id
    assert notes.read_text(encoding="ascii") == "mine\n"
    assert site.left == names("issue-1", "issue-2")
