"""Work on issues at the coordinator: names, conflicts, reservation and undo; a runner by hand answers the jobs."""

import random
from functools import partial
from typing import Any

from callboard.coordinator.services.work_changes import is_due
from tests.support.coordinator import QUICK, until
from tests.support.database import query, row_counts, sqlite_only
from tests.support.hand_runner import HandRunner
from tests.support.work import REPOSITORY, Workshop, made, next_job, report
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


def test_a51_of_twenty_spawns_at_once_winners_are_disjoint_and_losers_leave_nothing(world: World) -> None:
    """A51: at the API; as processes, with real repositories and two coordinators, in tests/faults/test_spawns.py."""
    coordinator = world.coordinator()
    shop = Workshop(coordinator)
    shop.issues(12)
    source = random.Random(51)  # noqa: S311 - chooses issues, guards nothing
    wanted = [source.sample(range(1, 13), source.randint(1, 4)) for _ in range(20)]
    asked = [world.meanwhile(partial(shop.spawn, *issues)) for issues in wanted]
    told = [(issues, answer.result(30)) for issues, answer in zip(wanted, asked, strict=True)]
    won = {answer.json()["session_id"]: issues for issues, answer in told if answer.status_code == 201}
    taken = {number: session_id for session_id, issues in won.items() for number in issues}
    assert len(taken) == sum(map(len, won.values())), won
    for issues, answer in told:
        if answer.status_code != 201:
            assert (answer.status_code, answer.json()["code"]) == (409, "issue_conflict")
            named = {one["issue"]: one["session_id"] for one in answer.json()["errors"]}
            assert named.items() <= taken.items()
            assert set(named) <= set(issues)
            assert named
    assert dict(query(coordinator, "SELECT number, session_id FROM active_issues")) == taken
    for table in ("sessions", "work_sessions", "jobs", "runs"):
        assert query(coordinator, f"SELECT count(*) FROM {table}") == [(len(won),)], table  # noqa: S608


def test_a52_what_has_ended_blocks_nothing_and_what_only_rests_does(world: World) -> None:
    """A52: complete, cancelled and deleted free the issues at once; paused and stuck work holds them, run or no run."""
    coordinator = world.coordinator(**QUICK)
    shop, runner = Workshop(coordinator), world.hand_runner(coordinator)
    shop.issues(3)

    def moved(session_id: str, **move: Any) -> None:
        answer = coordinator.http.post(f"/sessions/{session_id}/lifecycle", json=move)
        assert answer.status_code == 200, answer.text

    ends: list[dict[str, Any]] = [{"report": "complete"}, {"action": "cancel"}]
    for end in [*ends, {"action": "delete", "keep_worktree": True}]:
        spawned = shop.spawned(1, 2, executor_type="codex")
        order = next_job(runner, "prepare")
        assert report(runner, order, made(order)).status_code == 200
        rests: list[dict[str, Any]] = [{"report": "working"}, {"action": "pause"}, {"action": "resume"}]
        for move in [*rests, {"report": "stuck", "reason": "Which key?"}, {"action": "restart"}]:
            moved(spawned["session_id"], **move)
            assert shop.spawn(2, 3).json()["code"] == "issue_conflict", move
        moved(spawned["session_id"], **end)
        assert query(coordinator, "SELECT * FROM active_issues") == []
    assert shop.spawn(2, 3).status_code == 201


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
    callboard = world.command_line(coordinator)
    assert "(worktree undone)" in callboard("ps").out
    assert callboard("task", "set", "2", "--project", "web").code == 0
    begun = callboard("task", "run", "2", "--detach", "--project", "web")
    assert begun.code == 0, begun.err
    assert "No runner of a place of web is online" in begun.err
    unmade = {"session_id": begun.out.strip()}
    until(lambda: shop.session(unmade["session_id"])["lifecycle"] == "cancelled", 10, "undone")

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
    for over in (spawned, unmade, again):
        assert coordinator.http.delete(f"/sessions/{over['session_id']}").status_code == 204
    assert {row[0] for row in query(coordinator, "SELECT session_id FROM jobs")} == {third["session_id"]}


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


def test_what_could_not_be_undone_is_tried_less_and_less_often_but_once_an_hour() -> None:
    def waits(tries: int) -> int:
        work = {"undo_failed_at": 0, "undo_tries": tries}
        return next(ms for ms in range(0, 7_200_000, 1000) if is_due(work, ms, 30_000))

    assert [waits(tries) // 1000 for tries in (1, 2, 3, 8, 1000)] == [30, 60, 120, 3600, 3600]
    assert not is_due({"undo_failed_at": None, "undo_tries": 0}, 10**12, 30_000)


def cancel(shop: Workshop, spawned: dict[str, Any]) -> None:
    """What a person does who does not want it any more."""
    answer = shop.coordinator.http.post(f"/sessions/{spawned['session_id']}/lifecycle", json={"action": "cancel"})
    assert answer.status_code == 200, answer.text


def search_issues(shop: Workshop, path: str) -> None:
    """Of #1 Done, which is closed, and #2 Second, by all words, page by page."""
    assert shop.issue("Second") == 2

    def numbers(q: str, **more: Any) -> tuple[list[int], str | None]:
        page = shop.coordinator.http.get(path, params={"q": q} | more).json()
        return [one["number"] for one in page["items"]], page["next_page"]

    assert [numbers(q)[0] for q in ("d", "SECOND", "#1 one", "d nothing", "#9")] == [[2, 1], [2], [1], [], []]
    assert numbers("d", state="open")[0] == [2]
    first, after = numbers("d", limit=1)
    assert (first, numbers("d", limit=1, page=after)) == ([2], ([1], None))


def test_projects_places_and_issues_are_kept_and_refused(world: World) -> None:
    """50: one project for each place; a project to which something belongs stays; the tracker elsewhere is asked."""
    coordinator = world.coordinator()
    shop, http = Workshop(coordinator), coordinator.http
    project = f"/projects/{shop.project_id}"
    place = {"hostname": "by-hand", "path": REPOSITORY}
    second = place | {"hostname": "other"}
    assert Workshop(coordinator, hostname="other").project_id == shop.project_id
    assert [one["hostname"] for one in http.get(project).json()["locations"]] == ["by-hand", "other"]
    taken = http.post("/projects", json=place | {"name": "again"})
    assert (taken.status_code, taken.json()["code"]) == (409, "location_taken")
    for directory, found in ((f"{REPOSITORY}/src", [shop.project_id]), ("/srv/by-hand", [])):
        held = http.get("/projects", params={"hostname": "by-hand", "path": directory}).json()["items"]
        assert [one["project_id"] for one in held] == found

    number = shop.issue("First")
    for title in ("two\nlines", "\x1b[2Jcleared", "a\u2028b"):
        asked = http.patch(f"{project}/issues/{number}", json={"title": title})
        assert (asked.status_code, asked.json()["code"]) == (422, "invalid_text")
    closed = http.patch(f"{project}/issues/{number}", json={"state": "closed", "title": "Done"}).json()
    assert (closed["state"], closed["title"], closed["session_id"]) == ("closed", "Done", None)
    assert http.get(f"{project}/issues", params={"state": "open"}).json()["items"] == []
    search_issues(shop, f"{project}/issues")
    changed = moved_elsewhere(shop, place)
    assert (changed["tracker"], changed["default_branch"]) == ("github", "main")
    refused = http.post(f"{project}/issues", json={"title": "Here"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_local_tracker")
    spawned = shop.spawned(number, 77, hostname="by-hand")
    assert spawned["directory_name"] == "w-issues-1-77"
    open_there = http.get(project).json()
    assert (open_there["open_issues"], open_there["active_sessions"]) == (1, 1)
    runner = world.hand_runner(coordinator)
    order = next_job(runner, "prepare")
    assert [(one["number"], one["title"]) for one in order["request"]["issues"]] == [(1, ""), (77, "")]

    for gone, code in ((f"{project}/locations", "project_in_use"), (project, "project_in_use")):
        answer = http.delete(gone, params=place if gone.endswith("locations") else {})
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert len(http.delete(f"{project}/locations", params=second).json()["locations"]) == 1
    unjudged = report(runner, order, made(order)).json()
    assert (unjudged["status"], unjudged["error"]["code"]) == ("failed", "issue_author")  # S15: also of an old runner
    assert report(runner, next_job(runner, "undo")).status_code == 200
    assert_answers_are_looked_at(shop, runner)
    empty = Workshop(coordinator, "empty", "/srv/empty")
    assert http.delete(f"/projects/{empty.project_id}").status_code == 204
    assert http.get(f"/projects/{empty.project_id}").status_code == 404


def moved_elsewhere(shop: Workshop, place: dict[str, Any]) -> dict[str, Any]:
    """The project once its issues are those of another tracker, which is refused while it has some of its own."""
    http, project = shop.coordinator.http, f"/projects/{shop.project_id}"
    elsewhere = {"tracker": "github", "settings": {"worktree_prefix": "w-"}}
    added = place | elsewhere | {"name": "web"}
    for refused in (http.patch(project, json=elsewhere), http.post("/projects", json=added)):
        assert (refused.status_code, refused.json()["code"]) == (409, "local_issues"), refused.text
        assert "(1, 2)" in refused.json()["detail"]
    kept = http.get(project).json()
    assert (kept["tracker"], kept["settings"].get("worktree_prefix")) == ("local", None)
    changed: dict[str, Any] = http.patch(project, json=elsewhere | {"replace_issues": True}).json()
    return changed


def assert_answers_are_looked_at(shop: Workshop, runner: HandRunner) -> None:
    """What a runner answers has the form of its kind of job, and is kept whole."""
    http, project = shop.coordinator.http, f"/projects/{shop.project_id}"
    asked = http.post(f"{project}/jobs", json={"kind": "fetch_issues"}).json()
    order = next_job(runner, "fetch_issues")
    assert report(runner, order, {"issues": 9}).status_code == 422
    assert report(runner, order, [{"number": 9, "title": "Ninth"}]).status_code == 200
    assert shop.job(asked["job_id"])["answer"][0]["state"] == "open"
    assert http.get(f"{project}/issues/9").json()["title"] == "Ninth"
    assert http.patch(project, json={"tracker": "local"}).json()["tracker"] == "local"
    assert shop.issue("None that was fetched") == 10


@sqlite_only
def test_a_worktree_is_made_where_its_runs_can_work(world: World) -> None:
    """Two runners of one place: the one that offers the executor prepares, if there is such a one."""
    coordinator = world.coordinator()
    shop = Workshop(coordinator)
    shop.issues(2)
    other = world.hand_runner(coordinator, "other", executor_types=["codex"])
    able = world.hand_runner(coordinator, "able")
    shop.spawned(1)
    assert other.poll(wait=0.2) is None
    assert next_job(able, "prepare")["request"]["handle"] == "1"
    shop.spawned(2, executor_type="claude-code")
    assert next_job(other, "prepare")["request"]["handle"] == "2"
