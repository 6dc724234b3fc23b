"""Work on issues at the coordinator: names, conflicts, reservation and undo; a runner by hand answers the jobs."""

from typing import Any

from tests.support.coordinator import QUICK, until
from tests.support.database import query, row_counts
from tests.support.work import Workshop, made, next_job, report
from tests.support.world import World


def test_a50_a_spawn_has_its_names_and_its_run_waits_for_the_worktree(world: World) -> None:
    """A50: handle, branch, worktree and state file of [1], [1, 2, 3] and [3, 2, 1]; the first run has all issues."""
    coordinator = world.coordinator()
    runner = world.hand_runner(coordinator)
    for issues, branch in (([3, 2, 1], "issues-3-2-1"), ([1, 2, 3], "issues-1-2-3"), ([2], "issue-2")):
        shop = Workshop(coordinator, branch, f"/srv/by-hand/{branch}/web")
        shop.issues(3)
        spawned = shop.spawned(*issues)
        names = [spawned[name] for name in ("handle", "branch", "directory_name", "state_file")]
        handle = str(issues[0])
        assert names == [handle, branch, f"web-{branch}", f"work-{handle}.json"]
        session = shop.session(spawned["session_id"])
        assert [issue["number"] for issue in session["issues"]] == issues
        assert (session["handle"], session["lifecycle"], session["context"]) == (handle, "registered", "fresh")
        assert (session["work"]["state"], session["group"]) == ("preparing", "queued")
        why = coordinator.http.get(f"/runs/{spawned['run_id']}/why").json()
        assert why["code"] == "preparing", why

        order = next_job(runner, "prepare")
        assert order["path"] == f"/srv/by-hand/{branch}/web"
        assert runner.heartbeat()["jobs"] == [order]
        assert report(runner, order, made(order)).json()["status"] == "done"
        assert report(runner, order, made(order)).json()["status"] == "done"
        claim = runner.claim(spawned["run_id"])
        assert claim["project_dir"] == f"/srv/by-hand/{branch}/web-{branch}"
        assert all(f"Issue {number}" in claim["prompt"] for number in issues)
        session = shop.session(spawned["session_id"])
        assert (session["work"]["state"], session["workspace"]["branch"]) == ("prepared", branch)
        assert shop.job(spawned["job_id"])["status"] == "done"
        assert (
            coordinator.http.get("/sessions", params={"ref": handle, "project": branch}).json()["items"][0]["handle"]
            == handle
        )


def test_a51_an_issue_in_an_active_session_is_refused_in_either_direction(world: World) -> None:
    """A51: the refusal names every such issue with its session, and writes nothing."""
    coordinator = world.coordinator()
    shop = Workshop(coordinator)
    shop.issues(4)
    first = shop.spawned(1, 2, 3)
    before = row_counts(coordinator)
    for again in ([2], [3, 4], [4, 1], [1, 2, 3]):
        refused = shop.spawn(*again)
        assert (refused.status_code, refused.json()["code"]) == (409, "issue_conflict")
        both = sorted({1, 2, 3} & set(again))
        assert sorted(one["issue"] for one in refused.json()["errors"]) == both
        assert {one["session_id"] for one in refused.json()["errors"]} == {first["session_id"]}
        assert all(f"issue {number}" in refused.json()["detail"].lower() for number in both)
    assert row_counts(coordinator) == before


def test_a_spawn_without_a_runner_is_undone_and_the_next_one_works(world: World) -> None:
    """Issue 5: no runner of a place within the limit: nothing is reserved, and the sentence says what to do."""
    coordinator = world.coordinator(**QUICK, prepare_seconds=1)
    shop = Workshop(coordinator)
    shop.issues(2)
    spawned = shop.spawned(1, 2)
    job = shop.job(spawned["job_id"])
    assert (job["status"], job["error"]["code"]) == ("failed", "job_timeout")
    assert "by-hand:/srv/by-hand/web" in job["error"]["message"]
    assert "callboard runner" in job["error"]["hint"]
    session = shop.session(spawned["session_id"])
    assert (session["lifecycle"], session["work"]["state"], session["queued_runs"]) == ("cancelled", "undone", 0)
    assert query(coordinator, "SELECT * FROM active_issues") == []

    runner = world.hand_runner(coordinator)
    again = shop.spawned(2, 1)
    order = next_job(runner, "prepare")
    assert order["session_id"] == again["session_id"]
    refused = report(runner, order, error_code="branch_exists", error_message="There is a branch issues-2-1.")
    assert refused.json()["status"] == "failed"
    undo = next_job(runner, "undo")
    assert undo["request"] == {"session_id": again["session_id"]}
    assert shop.session(again["session_id"])["lifecycle"] == "cancelled"
    third = shop.spawned(1, 2)
    assert report(runner, undo).json()["status"] == "done"
    assert shop.session(again["session_id"])["work"]["state"] == "undone"
    assert next_job(runner, "prepare")["session_id"] == third["session_id"]


def test_a_worktree_that_comes_too_late_is_undone(world: World) -> None:
    coordinator = world.coordinator(**QUICK | {"prepare_seconds": 1, "grace_seconds": 0.1})
    shop = Workshop(coordinator)
    shop.issues(1)
    runner = world.hand_runner(coordinator)
    spawned = shop.spawned(1)
    order = next_job(runner, "prepare")
    assert shop.job(spawned["job_id"])["error"]["code"] == "job_timeout"
    early = next_job(runner, "undo")
    assert report(runner, early).status_code == 200
    late = report(runner, order, made(order))
    assert (late.status_code, late.json()["status"]) == (200, "failed")
    assert shop.session(spawned["session_id"])["work"]["state"] == "undoing"
    assert report(runner, next_job(runner, "undo")).status_code == 200
    until(lambda: shop.session(spawned["session_id"])["work"]["state"] == "undone", 5, "undone")


def test_work_that_is_cancelled_while_its_worktree_is_made_is_undone(world: World) -> None:
    """Issue 5: nobody prepares what nobody wants, and what a runner has begun is removed before its issue is next."""
    coordinator = world.coordinator(**QUICK)
    shop = Workshop(coordinator)
    shop.issues(1)
    first = shop.spawned(1)
    cancel(shop, first)
    assert shop.session(first["session_id"])["work"]["state"] == "undone"
    assert shop.job(first["job_id"])["error"]["code"] == "cancelled"
    runner = world.hand_runner(coordinator)
    second = shop.spawned(1)
    begun = next_job(runner, "prepare")
    assert begun["session_id"] == second["session_id"]
    cancel(shop, second)
    third = shop.spawned(1)
    undo = next_job(runner, "undo")
    assert report(runner, begun, made(begun)).json()["status"] == "failed"
    assert report(runner, undo).status_code == 200
    assert next_job(runner, "prepare")["session_id"] == third["session_id"]
    assert shop.session(second["session_id"])["work"]["state"] == "undone"


def cancel(shop: Workshop, spawned: dict[str, Any]) -> None:
    """What a person does who does not want it any more."""
    answer = shop.coordinator.http.post(f"/sessions/{spawned['session_id']}/lifecycle", json={"action": "cancel"})
    assert answer.status_code == 200, answer.text
