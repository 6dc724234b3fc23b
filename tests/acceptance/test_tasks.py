"""Tasks and milestones at the coordinator, with a runner by hand that says what the checks said. A60 to A66."""

import re
from typing import Any

import httpx2
import pytest

from tests.support.coordinator import QUICK, until
from tests.support.database import change, query
from tests.support.tasks import FAILING, TaskShop
from tests.support.work import next_job, report
from tests.support.world import World


@pytest.fixture
def shop(world: World) -> TaskShop:
    """Return a project with five issues and a runner by hand."""
    return TaskShop(world, world.coordinator(**QUICK), 5)


def sessions(shop: TaskShop) -> list[dict[str, Any]]:
    """Every session that there is."""
    items: list[dict[str, Any]] = shop.get("/sessions")["items"]
    return items


def logged(shop: TaskShop, name: str) -> str:
    """The first line of the coordinator's log with this name."""
    return shop.coordinator.program.line_where(lambda line: name in re.findall(r"\w+", line))


def closed(shop: TaskShop, session_id: str) -> dict[str, Any]:
    """The session, once it is closed."""
    until(lambda: shop.session(session_id)["ended_at"] is not None, 5, "closed")
    return shop.session(session_id)


@pytest.mark.parametrize("context", ["persistent", "fresh"])
def test_a60_a62_a_task_leaves_one_closed_session_with_the_usage_of_every_iteration(
    shop: TaskShop, context: str
) -> None:
    """A60, A62: the second prompt holds the failing check's output; nothing else of what was."""
    task_id = shop.task(2, checks=["lint", "test"], context=context)
    started = shop.begun(f"/tasks/{task_id}/run")
    session_id = started["session_id"]
    first = shop.iterate(0, 1, output=100)
    assert (first["context"], first["trigger"], first["repository"]) == (context, "task", "/srv/by-hand/web")
    assert [one["name"] for one in first["checks"]] == ["lint", "test"]
    task = shop.get(f"/tasks/{task_id}")
    assert (task["status"], task["iteration"], task["last_checks"][1]["tail"]) == ("running", 2, FAILING)
    session = shop.session(session_id)
    assert (session["lifecycle"], session["waiting_for"]) == ("working", None)
    assert session["work"]["checks"] == {"state": "running", "failing": []}

    second = shop.iterate(0, 0, output=23)
    assert second["run_id"] != first["run_id"]
    assert second["session_id"] == session_id
    assert FAILING not in shop.prompts[0]
    assert FAILING in shop.prompts[1]
    assert "Make the checks pass" in shop.prompts[1]
    assert "lint" not in shop.prompts[1]

    task = shop.get(f"/tasks/{task_id}")
    assert (task["status"], task["outcome"], task["iteration"]) == ("ended", "passed", 2)
    session = closed(shop, session_id)
    assert (session["lifecycle"], session["work"]["checks"]) == ("complete", {"state": "passed", "failing": []})
    assert [one["session_id"] for one in sessions(shop)] == [session_id]
    assert shop.get(f"/sessions/{session_id}/usage")["self"]["output_tokens"] == 123
    assert query(shop.coordinator, "SELECT * FROM active_issues") == []
    for name in ("temporary_session", "temporary_session_end"):
        assert session_id[-8:] in logged(shop, name)


def test_a63_a65_a_task_whose_agent_fails_is_closed_and_keeps_error_and_usage(shop: TaskShop) -> None:
    """A63, A65; and stuck means stopped: forward and restart begin the loop anew in the same session."""
    task_id = shop.task(1, max_iterations=2)
    session_id = shop.begun(f"/tasks/{task_id}/run")["session_id"]
    shop.iterate(1, output=7)
    failed = shop.fails("no key for the model", output=5)
    task = shop.get(f"/tasks/{task_id}")
    assert (task["outcome"], task["iteration"]) == ("agent_failed", 2)
    session = closed(shop, session_id)
    assert (session["lifecycle"], session["work"]["stuck_reason"]) == ("stuck", "no key for the model")
    assert session["work"]["checks"] is None, "nothing judged what its latest run left"
    assert shop.get(f"/runs/{failed['run_id']}")["error"]["message"] == "no key for the model"
    assert shop.get(f"/sessions/{session_id}/usage")["self"]["output_tokens"] == 12
    again = shop.coordinator.http.post(f"/tasks/{task_id}/run")
    assert (again.status_code, again.json()["code"]) == (409, "issue_conflict")

    act = f"/sessions/{session_id}/lifecycle"
    assert shop.coordinator.http.post(act, json={"action": "restart", "text": "Use the other key."}).status_code == 200
    assert shop.session(session_id)["ended_at"] is None
    for _ in range(2):
        claim = shop.iterate(1)
        assert [one["name"] for one in claim["checks"]] == ["test"]
        assert "Use the other key." in claim["prompt"]
    assert shop.get(f"/tasks/{task_id}")["outcome"] == "max_iterations"
    told = closed(shop, session_id)["work"]["stuck_reason"]
    assert told == "After 2 iterations the checks fail: test exited with code 1."
    ship: dict[str, Any] = {"kind": "ship", "options": {}}
    refused = shop.coordinator.http.post(f"/sessions/{session_id}/jobs", json=ship)
    assert (refused.status_code, refused.json()["code"]) == (409, "checks_fail")
    ship["options"] = {"allow_failing_checks": True}
    assert shop.coordinator.http.post(f"/sessions/{session_id}/jobs", json=ship).status_code == 201


def test_a63_a_start_whose_worktree_is_not_made_changes_nothing_of_what_is_known(shop: TaskShop) -> None:
    """A63: a task that passed has passed, and what depends on it goes on; a milestone is planned as before."""
    task_id, follower = shop.task(1), shop.task(2, depends_on=[1])
    shop.begun(f"/tasks/{task_id}/run")
    shop.iterate(0)
    until(lambda: not query(shop.coordinator, "SELECT * FROM tasks WHERE closing = 1"), 5, "closed")
    before = shop.get(f"/tasks/{task_id}")
    milestone_id = shop.milestone("First", 2, 3)
    planned = shop.get(f"/milestones/{milestone_id}")

    for path in (f"/tasks/{task_id}/run", f"/milestones/{milestone_id}/start"):
        started = shop.coordinator.http.post(path)
        assert started.status_code == 201, started.text
        failed = {"error_code": "branch_exists", "error_message": "There is a branch of this name."}
        assert report(shop.runner, next_job(shop.runner, "prepare"), **failed).status_code == 200
        assert closed(shop, started.json()["session_id"])["lifecycle"] == "cancelled"
        report(shop.runner, next_job(shop.runner, "undo"))
    after = shop.get(f"/tasks/{task_id}")
    names = ("outcome", "iteration", "last_checks", "session_id", "status")
    assert {name: after[name] for name in names} == {name: before[name] for name in names}
    assert (after["outcome"], after["last_checks"][0]["exit_code"]) == ("passed", 0)
    again = shop.get(f"/milestones/{milestone_id}")
    assert (again["state"], again["session_id"], again["started_at"]) == ("planned", None, None)
    assert [one["outcome"] for one in again["tasks"]] == [one["outcome"] for one in planned["tasks"]]
    shop.begun(f"/tasks/{follower}/run")


CLOSES_NOTHING = {
    "sqlite": (
        (
            "CREATE TRIGGER closes_nothing BEFORE UPDATE OF ended_at ON sessions WHEN new.ended_at IS NOT NULL "
            "BEGIN SELECT raise(ABORT, 'CHECK constraint failed'); END"
        ),
    ),
    "postgresql": (
        (
            "CREATE FUNCTION closes_nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'CHECK constraint failed' USING ERRCODE = 'check_violation'; END $$"
        ),
        (
            "CREATE TRIGGER closes_nothing BEFORE UPDATE OF ended_at ON sessions FOR EACH ROW "
            "WHEN (new.ended_at IS NOT NULL) EXECUTE FUNCTION closes_nothing()"
        ),
    ),
}


@pytest.mark.either_database
def test_a63_a_session_that_cannot_be_closed_is_logged_and_the_error_of_the_task_stays(
    world: World, database_kind: str
) -> None:
    shop = TaskShop(world, world.coordinator(**QUICK), 1)
    change(shop.coordinator, *CLOSES_NOTHING[database_kind])
    session_id = shop.begun(f"/tasks/{shop.task(1)}/run")["session_id"]
    run_id = shop.fails("the agent's own words")["run_id"]
    assert session_id[-8:] in logged(shop, "temporary_session_not_closed")
    assert shop.get(f"/runs/{run_id}")["error"]["message"] == "the agent's own words"
    assert shop.session(session_id)["work"]["stuck_reason"] == "the agent's own words"
    on_table = " ON sessions" if database_kind == "postgresql" else ""
    change(shop.coordinator, f"DROP TRIGGER closes_nothing{on_table}")
    closed(shop, session_id)


def test_a_task_that_is_paused_goes_on_and_one_that_is_stopped_or_reported_stuck_does_not(
    world: World, shop: TaskShop
) -> None:
    task_id = shop.task(1)
    session_id = shop.begun(f"/tasks/{task_id}/run")["session_id"]
    act, http = f"/sessions/{session_id}/lifecycle", shop.coordinator.http
    claim = shop.claim()
    assert http.post(act, json={"action": "pause"}).status_code == 200
    stopped = shop.runner.report(claim["run_id"], "stopped", claim["attempt"], event_count=0)
    assert stopped.status_code == 200, stopped.text
    paused = shop.get(f"/tasks/{task_id}")
    assert (paused["status"], paused["lifecycle"]) == ("running", "paused")
    why = shop.get(f"/runs/{claim['run_id']}/why")
    assert (why["next_step"], "is paused." in why["sentence"]) == ("callboard resume 1", True)
    assert shop.set(1, max_iterations=7).status_code == 200
    listed = world.command_line(shop.coordinator)("task", "list", "--project", "web")
    assert "paused" in listed.out, listed.err
    assert http.post(act, json={"action": "resume"}).status_code == 200
    assert shop.iterate(1)["checks"] == claim["checks"]
    assert shop.get(f"/tasks/{task_id}")["iteration"] == 2

    claim = shop.claim()
    assert http.post(f"/sessions/{session_id}/stop").status_code == 200
    assert shop.runner.report(claim["run_id"], "stopped", claim["attempt"], event_count=0).status_code == 200
    assert shop.get(f"/tasks/{task_id}")["outcome"] == "stopped"
    assert closed(shop, session_id)["lifecycle"] == "stuck"

    assert http.post(act, json={"action": "restart"}).status_code == 200
    claim = shop.claim()
    assert http.post(act, json={"action": "pause"}).status_code == 200
    assert shop.runner.report(claim["run_id"], "stopped", claim["attempt"], event_count=0).status_code == 200
    assert http.post(act, json={"action": "cancel"}).status_code == 200
    assert shop.get(f"/tasks/{task_id}")["outcome"] == "stopped"
    assert closed(shop, session_id)["lifecycle"] == "cancelled"


def test_a_task_whose_worktree_cannot_be_made_is_closed_and_can_be_run_once_more(shop: TaskShop) -> None:
    task_id = shop.task(1)
    first = shop.coordinator.http.post(f"/tasks/{task_id}/run").json()
    order = next_job(shop.runner, "prepare")
    assert report(shop.runner, order, error_code="branch_exists", error_message="It is there.").status_code == 200
    assert shop.get(f"/tasks/{task_id}")["outcome"] is None
    assert closed(shop, first["session_id"])["lifecycle"] == "cancelled"
    assert report(shop.runner, next_job(shop.runner, "undo")).status_code == 200
    second = shop.begun(f"/tasks/{task_id}/run")
    shop.iterate(0)
    assert shop.get(f"/tasks/{task_id}")["outcome"] == "passed"
    assert closed(shop, second["session_id"])["lifecycle"] == "complete"


def test_a_worker_does_not_complete_a_task_that_its_checks_judge(shop: TaskShop) -> None:
    task_id = shop.task(1)
    session_id = shop.begun(f"/tasks/{task_id}/run")["session_id"]
    claim = shop.claim()
    with shop.coordinator.with_token(shop.runner.session_tokens[claim["run_id"]]) as worker:
        told = worker.post(f"/sessions/{session_id}/lifecycle", json={"report": "complete"})
        assert (told.status_code, told.json()["lifecycle"]) == (200, "working")
        stuck = worker.post(f"/sessions/{session_id}/lifecycle", json={"report": "stuck", "reason": "Which key?"})
        assert stuck.status_code == 200
    assert shop.runner.complete(claim["run_id"], claim["attempt"], checks=[]).status_code == 200
    assert shop.get(f"/tasks/{task_id}")["outcome"] == "stopped"
    assert closed(shop, session_id)["work"]["stuck_reason"] == "Which key?"


def test_a66_dependencies_are_checked_when_they_are_said_and_when_the_task_is_run(shop: TaskShop) -> None:
    """A66: cycles, other projects and issues that are not there are refused; what has not passed is waited for."""
    shop.task(1)
    second = shop.task(2, depends_on=["web#1"])
    refusals = {
        "dependency_cycle": shop.set(1, depends_on=[2]),
        "foreign_dependency": shop.set(3, depends_on=["other#1"]),
        "issue_not_found": shop.set(3, depends_on=[99]),
        "task_waits": shop.coordinator.http.post(f"/tasks/{second}/run"),
    }
    assert {code: answer.json()["code"] for code, answer in refusals.items()} == {code: code for code in refusals}
    assert shop.get("/tasks?number=1")["items"][0]["depends_on"] == []
    # What is said with a start is said with an accepted one only: of a task, and of an issue that is none.
    before = shop.get(f"/tasks/{second}")
    said = {"project_id": shop.project_id, "max_iterations": 3, "checks": ["nix"]}

    def started(number: int, **how: str) -> httpx2.Response:
        return shop.coordinator.http.post("/tasks/run", json={"task": said | {"number": number}, **how})

    refusals = {
        "task_waits": started(2),
        "agent_not_found": started(4, agent_name="nix"),
        "no_location": started(4, hostname="nohost"),
        "unknown_executor": started(4, executor_type="nix"),
    }
    assert {code: answer.json()["code"] for code, answer in refusals.items()} == {code: code for code in refusals}
    assert (shop.get(f"/tasks/{second}"), shop.get("/tasks?number=4")["items"]) == (before, [])
    assert sessions(shop) == []
    assert started(4).status_code == 201
    assert shop.get("/tasks?number=4")["items"][0]["max_iterations"] == 3


def test_s6_a_check_as_text_is_the_owners_alone(shop: TaskShop) -> None:
    text = [{"name": "test", "argv": ["make", "test"]}]
    made = shop.coordinator.http.post("/tokens", json={"kind": "user"}).json()
    with shop.coordinator.with_token(made["token"]) as user:
        refused = user.post("/tasks", json={"project_id": shop.project_id, "number": 1, "checks": text})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    shop.begun(f"/tasks/{shop.task(1, checks=text)}/run")
    assert shop.claim()["checks"] == [{"name": "test", "argv": ["make", "test"]}]


def assert_told_apart(prompt: str, current: int, issues: set[int]) -> None:
    """The issue that is the work now is plain; the others are listed with their titles."""
    assert f"Your task is issue {current} of this repository, and that alone" in prompt
    assert all(f"\n{number} Issue {number}\n" in prompt for number in issues - {current})


def assert_not_changed_meanwhile(shop: TaskShop) -> None:
    """What runs is not changed, nor what is in its turn afterwards; the reason is the true one."""
    refused = shop.set(2, max_iterations=5).json(), shop.set(5, max_iterations=5).json()
    assert (refused[0]["code"], "Issue 5 is of milestone 1" in refused[1]["detail"]) == ("task_running", True)


def assert_called_and_made_of(session: dict[str, Any], title: str, numbers: list[int]) -> None:
    assert (session["title"], [one["number"] for one in session["issues"]]) == (title, numbers)


def assert_changed_at_rest(shop: TaskShop, session: dict[str, Any], milestone: dict[str, Any]) -> None:
    """A task is changed where nothing of its work runs, but belongs to its milestone until that has ended."""
    assert (session["lifecycle"], session["waiting_for"], session["group"]) == ("working", "report", "needs_you")
    assert session["work"]["next_step"] == milestone["next_step"] == "callboard milestone end 1"
    assert shop.set(2, max_iterations=5).status_code == 200
    assert shop.set(2, milestone_id=None).json()["code"] == "milestone_state"


def test_a61_a66_a_milestone_is_one_session_in_the_order_of_its_dependencies(shop: TaskShop) -> None:
    """A61, A66: five tasks, one fails, its dependants alone are skipped; the summary goes to the next milestone."""
    for number, needs in {1: [4], 2: [], 3: [2], 4: [], 5: [3, 1]}.items():
        shop.task(number, depends_on=needs, max_iterations=1)
    milestone = shop.milestone("First light", 1, 2, 3, 4, 5)
    started = shop.begun(f"/milestones/{milestone}/start")
    session_id = started["session_id"]
    assert (started["branch"], started["handle"]) == ("milestone-1", "2")
    assert_called_and_made_of(shop.session(session_id), "First light", [2, 3, 4, 1, 5])
    assert_not_changed_meanwhile(shop)

    done = []
    for exit_code in (1, 0, 0):
        claim = shop.iterate(exit_code)
        assert claim["session_id"] == session_id
        done += [number for number in range(1, 6) if f'number="{number}"' in claim["prompt"]]
        assert_told_apart(claim["prompt"], done[-1], {1, 2, 3, 4, 5})
    assert done == [2, 4, 1]
    found = shop.get(f"/milestones/{milestone}")
    outcomes = {task["number"]: task["outcome"] for task in found["tasks"]}
    assert outcomes == {2: "max_iterations", 3: "skipped", 4: "passed", 1: "passed", 5: "skipped"}
    assert [task["number"] for task in found["tasks"]] == [2, 3, 4, 1, 5]
    session = shop.session(session_id)
    assert_changed_at_rest(shop, session, found)

    ended = shop.coordinator.http.post(f"/milestones/{milestone}/end")
    assert (ended.json()["state"], shop.session(session_id)["waiting_for"]) == ("ending", None)
    other = shop.coordinator.http.post(f"/milestones/{milestone}/end", json={"summary": "Other words."})
    assert (other.status_code, other.json()["code"]) == (409, "milestone_state")
    asked = shop.iterate(result_text="What was done: the lamp is lit.")
    listed = [(content["current_issue"], len(content["issues"])) for content in shop.files]
    assert listed == [(4, 5), (1, 5), (None, 5)]
    assert "4 Issue 4: passed" in asked["prompt"]
    assert asked["checks"] == []
    found = shop.get(f"/milestones/{milestone}")
    assert (found["state"], found["summary"]) == ("ended", "What was done: the lamp is lit.")
    other = shop.coordinator.http.post(f"/milestones/{milestone}/end", json={"summary": "Other words."})
    assert (other.status_code, other.json()["code"]) == (409, "milestone_state")
    session = shop.session(session_id)
    assert (session["lifecycle"], session["summary"]) == ("complete", found["summary"])
    assert session["ended_at"] is not None
    assert [one["session_id"] for one in sessions(shop)] == [session_id]
    assert not [line for line in shop.coordinator.program.lines if "temporary_session" in line]
    assert shop.get(f"/sessions/{session_id}/usage")["self"]["output_tokens"] == 40

    assert_handed_on(shop, milestone)


def test_a61_a_milestone_that_is_cancelled_begins_no_other_task_though_its_agent_completes(
    world: World, shop: TaskShop
) -> None:
    """What a person cancelled does not run again, and waits for nobody; the milestone can be started anew."""
    for number in (1, 2):
        shop.task(number)
    milestone = shop.milestone("Called off", 1, 2)
    session_id = shop.begun(f"/milestones/{milestone}/start")["session_id"]
    claim = shop.claim()
    cancelled = shop.coordinator.http.post(f"/sessions/{session_id}/lifecycle", json={"action": "cancel"})
    assert cancelled.status_code == 200, cancelled.text
    passed = [{"name": "test", "exit_code": 0, "tail": "", "duration_ms": 5}]
    assert shop.runner.complete(claim["run_id"], claim["attempt"], checks=passed).status_code == 200
    session = shop.session(session_id)
    assert (session["lifecycle"], session["queued_runs"], session["waiting_for"]) == ("cancelled", 0, None)
    outcomes = {task["number"]: task["outcome"] for task in shop.get(f"/milestones/{milestone}")["tasks"]}
    assert outcomes == {1: "passed", 2: None}
    found = shop.get(f"/milestones/{milestone}")
    assert found["lifecycle"] == "cancelled"
    assert found["next_step"] == f"Begin anew: callboard delete {session_id}, then callboard milestone start 1"
    told = world.command_line(shop.coordinator)("milestone", "show", "1", "--project", "web")
    assert ("milestone 1  cancelled" in told.out, found["next_step"] in told.err) == (True, True)
    assert [
        one["number"] for one in shop.session(shop.begun(f"/milestones/{milestone}/start")["session_id"])["issues"]
    ] == [2]


def assert_handed_on(shop: TaskShop, ended: str) -> None:
    """The next milestone's first prompt, and no other, has the summary; the record of the one before stays."""
    before = shop.get(f"/milestones/{ended}")
    later = shop.milestone("Second light", 2, 3)
    shop.begun(f"/milestones/{later}/start")
    shop.iterate(0)
    shop.iterate(0)
    assert "the lamp is lit" in shop.prompts[-2]
    assert "First light" in shop.prompts[-2]
    assert "the lamp is lit" not in shop.prompts[-1]
    outcomes = {task["number"]: task["outcome"] for task in shop.get(f"/milestones/{later}")["tasks"]}
    assert outcomes == {2: "passed", 3: "passed"}
    assert shop.get(f"/milestones/{ended}") == before
