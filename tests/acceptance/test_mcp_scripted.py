"""The scripted agent as a parent: `child`, `wait` and `mcp` go through the same tools as a real agent's calls."""

import json
from typing import Any

from callboard.client.calls import callbacks, sessions
from callboard.wire.responses import Run, RunCreated
from tests.acceptance.conftest import Stage
from tests.support.coordinator import payload_of, until
from tests.support.world import World, hold


def answers(stage: Stage, run: Run) -> list[Any]:
    """What the tools of a run answered, which must be no errors."""
    told = [payload_of(event) for event in stage.coordinator.events(run.session_id, "post_tool")]
    assert [one for one in told if one["is_error"]] == []
    return [json.loads(one["tool_output"]) for one in told if one["tool_name"] != "run"]


def test_it_starts_children_and_waits_for_the_last_and_for_all(stage: Stage) -> None:
    script = [
        f"child async_poll - {hold('first-child')};; result one",
        "child async_poll - say two ;; result two",
        "wait last",
        "run touch first-child",
        "wait all",
        "child sync - fail three",
        "mcp list_sessions {}",
        "result done",
    ]
    run = stage.coordinator.completed("\n".join(script))
    first, second, last, everything, third, listed = answers(stage, run)
    assert [one["run_id"] for one in last["ended"]] == [second["run_id"]]
    assert {one["run_id"]: one["result_text"] for one in everything["ended"]} == {
        first["run_id"]: "one",
        second["run_id"]: "two",
    }
    assert (third["status"], third["error"]["message"]) == ("failed", "three")
    children = stage.coordinator.client.send(sessions.list_(parent_session_id=run.session_id)).items
    assert {one.session_id for one in children} == {one["session_id"] for one in (first, second, third)}
    assert {one.executor_type for one in children} == {"scripted"}
    assert len(listed["sessions"]) == 4


def test_three_levels_by_the_language_alone(stage: Stage) -> None:
    """A24: each level starts the next through MCP, with nothing but the token of its attempt."""
    run = stage.coordinator.completed("child sync - child sync - result three\nsay one")
    tree = stage.coordinator.client.send(sessions.tree(run.session_id))
    assert [node.depth for node in tree.nodes] == [0, 1, 2]
    deepest = tree.nodes[2].session_id
    assert stage.coordinator.client.send(sessions.result(deepest)).result_text == "three"


def test_a_callback_child_resumes_its_parent(stage: Stage) -> None:
    """A05 through the tools: the parent ends, and is resumed with the result."""
    run = stage.coordinator.completed("child async_callback - result 42\nsay waiting")

    def accepted() -> bool:
        found = stage.coordinator.client.send(callbacks.list_(session_id=run.session_id)).items
        return [one.status for one in found] == ["accepted"]

    until(accepted, 60, "the result is accepted")
    resumed = stage.coordinator.client.send(sessions.runs(run.session_id)).items[0]
    assert (resumed.trigger, "42" in (resumed.prompt or "")) == ("callback", True)


def test_an_error_of_a_tool_is_the_calls_failure_and_the_script_goes_on(stage: Stage) -> None:
    run = stage.coordinator.completed('mcp get_agent_session_status {"session_id": "ses_x"}\nmcp nonsense {}\nsay on')
    told = [payload_of(event) for event in stage.coordinator.events(run.session_id, "post_tool")]
    assert [one["is_error"] for one in told] == [True, True]
    assert "session_not_found" in told[0]["tool_output"]
    assert "nonsense" in told[1]["tool_output"]
    assert run.result_text == "on"


def test_a_coordinator_that_is_killed_meanwhile_costs_no_child_twice(world: World) -> None:
    """The calls are asked again until the coordinator is back, by the same request_id; also where answers broke off."""
    coordinator = world.coordinator()
    world.runner(coordinator)
    created = coordinator.start_run(
        f"{hold('go-on')}\nchild async_poll - {hold('child')};; result one\nwait all\nresult done"
    )
    coordinator.until_event(created, "pre_tool")
    coordinator.kill()
    world.let_go("go-on")
    coordinator.restart()
    coordinator.until_event(created, "pre_tool", tool_name="wait_agent_session")
    coordinator.kill()
    coordinator.restart()
    world.let_go("child")
    assert coordinator.ended(created.run_id, 60).result_text == "done"
    (child,) = coordinator.client.send(sessions.list_(parent_session_id=created.session_id)).items
    assert child.status == "finished"


def test_a04_agents_that_wait_for_children_do_not_hold_all_slots_for_ever(world: World) -> None:
    """A full runner takes one child at a time of each of its agents, down the tree, and nothing of anybody else."""
    coordinator = world.coordinator()
    world.runner(coordinator, slots=1)
    held = f"child async_poll - {hold('first-of-two')};; result one"
    script = f"{held}\nchild sync - child sync - result deepest\nwait all"
    parent: RunCreated = coordinator.start_run(script)
    below = sessions.list_(parent_session_id=parent.session_id)
    until(lambda: len(coordinator.client.send(below).items) == 2, 20, "two children")
    somebodys: RunCreated = coordinator.start_run("say later")
    (world.project / "first-of-two").touch()
    run = coordinator.ended(parent.run_id)
    assert run.ended_at is not None
    nodes = coordinator.client.send(sessions.tree(parent.session_id)).nodes
    assert sorted((node.depth, node.status) for node in nodes) == [(depth, "finished") for depth in (0, 1, 1, 2)]
    second, first = (coordinator.ended(one.latest_run_id or "") for one in coordinator.client.send(below).items)
    assert (first.ended_at or "") <= (second.claimed_at or ""), "no two children of one agent at once"
    assert (coordinator.ended(somebodys.run_id).claimed_at or "") >= run.ended_at
