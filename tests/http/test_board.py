"""60: the callboard of the API: every session in the group that says who must act next, with one line each."""

from typing import Any

import pytest

from tests.http.world import Coordinator, PlayedRunner, event


@pytest.fixture(scope="module")
def runner(coordinator: Coordinator) -> PlayedRunner:
    return coordinator.register("board")


def board(coordinator: Coordinator, **query: Any) -> dict[str, dict[str, Any]]:
    """The groups by name."""
    return {one["group"]: one for one in coordinator.done("GET", "/board", params=query)["groups"]}


def lines(group: dict[str, Any]) -> dict[str, str | None]:
    """The headline of each session of a group."""
    return {one["session_id"]: one["headline"] for one in group["sessions"]}


def test_each_session_stands_where_who_must_act_finds_it(coordinator: Coordinator, runner: PlayedRunner) -> None:
    """D1, D2: the question where one is asked, else the newest word, else how it ended."""
    working, asking, ended = runner.begin(), runner.begin(), runner.begin()
    queued = coordinator.create_run(additional_demands={"tags": ["nowhere"]})["session_id"]
    runner.post(
        working,
        event(1, "\n\nLooking  \nat it"),
        event(2, type="pre_tool", payload={"tool_name": "Read", "tool_input": {"path": "a.py"}}),
    )
    asked = {"request_id": "1", "tool_name": "run", "tool_input": {"command": "make"}, "description": "May I?"}
    path = f"/runner/runs/{asking.run_id}/approvals"
    coordinator.done("POST", path, asked | runner.names(asking), token=runner.credential)
    runner.post(ended, event(1, "x" * 500))
    runner.end(ended, 1)
    groups = board(coordinator)
    assert list(groups) == ["needs_you", "ready_for_review", "working", "queued", "done"]
    assert lines(groups["needs_you"])[asking.session_id] == "May I?"
    assert lines(groups["working"])[working.session_id] == "Read a.py"
    assert lines(groups["queued"])[queued] is None
    assert lines(groups["done"])[ended.session_id] == "x" * 200
    for group in groups.values():
        assert group["total"] == len(group["sessions"])
        assert all(one["group"] == group["group"] for one in group["sessions"])


def test_who_has_waited_longest_stands_first_and_of_done_the_newest(
    coordinator: Coordinator, runner: PlayedRunner
) -> None:
    ended = [runner.begin() for _ in range(3)]
    for attempt in ended:
        runner.end(attempt)
    waiting = [coordinator.create_run(additional_demands={"tags": ["nowhere"]})["session_id"] for _ in range(2)]
    groups = board(coordinator)
    shown = [one["session_id"] for one in groups["queued"]["sessions"]]
    assert shown[-2:] == waiting
    assert shown == sorted(
        shown, key=lambda one: next(s["since"] for s in groups["queued"]["sessions"] if s["session_id"] == one)
    )
    assert [one["session_id"] for one in groups["done"]["sessions"]][:3] == [one.session_id for one in reversed(ended)]
    few = board(coordinator, limit=1)
    assert len(few["done"]["sessions"]) == 1
    assert few["done"]["total"] == groups["done"]["total"]


def test_children_that_are_done_and_what_is_archived_are_not_on_it(
    coordinator: Coordinator, runner: PlayedRunner
) -> None:
    parent = runner.begin()
    child = coordinator.done(
        "POST",
        "/runs",
        {"type": "start_session", "prompt": "x", "executor_type": "scripted"},
        token=parent.session_token,
    )["session_id"]
    assert child in lines(board(coordinator)["queued"])
    coordinator.done("POST", f"/sessions/{child}/stop", {})
    runner.end(parent)
    groups = board(coordinator)
    assert child not in lines(groups["done"])
    assert parent.session_id in lines(groups["done"])
    before = groups["done"]["total"]
    coordinator.done("POST", f"/sessions/{parent.session_id}/archive", {})
    after = board(coordinator)["done"]
    assert parent.session_id not in lines(after)
    assert after["total"] == before - 1


def test_a_token_of_a_project_sees_the_callboard_of_that_alone(coordinator: Coordinator, runner: PlayedRunner) -> None:
    runner.begin()
    project = coordinator.done("POST", "/projects", {"name": "board", "hostname": "here", "path": "/srv/project"})[
        "project_id"
    ]
    token = coordinator.make_token("read_only", project_id=project)["token"]
    groups = coordinator.done("GET", "/board", token=token)["groups"]
    assert [one["total"] for one in groups] == [0] * 5
    assert coordinator.call("GET", "/board", params={"project": "nobody's"}).status_code == 404
    assert coordinator.call("GET", "/board", token=runner.credential).status_code == 403
