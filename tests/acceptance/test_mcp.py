"""The MCP server, by the official SDK's client: every tool over every transport, repeats, waits, limits."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from callboard.mcp_server.catalogue import BY_NAME
from tests.acceptance.conftest import Stage
from tests.support.coordinator import Coordinator, payload_of, until
from tests.support.hand_parent import HandParent
from tests.support.mcp_agent import TRANSPORTS, Transport, mcp_agent
from tests.support.world import World, hold

pytestmark = pytest.mark.either_database

CALLS_ALLOWED = 6
CHARACTERS_ALLOWED = 12_000


@pytest.fixture
def parent(stage: Stage) -> Iterator[HandParent]:
    """Yield a parent at work, whose agent the test is."""
    with HandParent(stage.world, stage.coordinator) as made:
        yield made


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_official_client_lists_and_calls_every_tool(
    stage: Stage, parent: HandParent, transport: Transport
) -> None:
    """A25: in HTTP mode by header, on stdio by environment; the parent of what is started is the token's session."""
    async with mcp_agent(stage.coordinator, transport, parent.token, parent.session_id) as agent:
        listed = (await agent.client.list_tools()).tools
        assert isinstance((await agent.call("list_agents"))["agents"], list)
        order = {"executor_type": "scripted", "title": "first"}
        first = await agent.call("start_agent_session", prompt="result 42 herons", **order)
        await agent.call("wait_agent_session", handles=[first["session_id"]])
        result = await agent.call("get_agent_session_result", session_id=first["session_id"])
        assert (result["status"], result["result_text"]) == ("completed", "42 herons")
        again = await agent.call(
            "resume_agent_session", session_id=first["session_id"], prompt='recall\ndata {"a": 1}', mode="sync"
        )
        assert (again["status"], again["result_data"]) == ("completed", {"a": 1})
        said = await agent.call("send_message", session_id=first["session_id"], message=hold("never"))
        status = await agent.call("get_agent_session_status", session_id=first["session_id"])
        assert (status["parent_session_id"], status["latest_run_id"]) == (parent.session_id, said["run_id"])
        assert status["latest_run_status"] in ("pending", "claimed", "running")
        await agent.call("stop_agent_session", session_id=first["session_id"], subtree=True)
        stopped = await agent.call("wait_agent_session")
        assert [(one["run_id"], one["status"]) for one in stopped["ended"]] == [(said["run_id"], "stopped")]
        shown = await agent.call("list_sessions", parent_session_id=parent.session_id)
        assert [one["title"] for one in shown["sessions"]] == ["first"]
        assert (await agent.call("get_agent_session_status"))["session_id"] == parent.session_id
        await agent.call("report_status", text="almost done")
    assert {tool.name for tool in listed} == {name for name, _ in agent.told} == set(BY_NAME)
    (note,) = stage.coordinator.events(parent.session_id, "note")
    assert payload_of(note) == {"text": "almost done"}
    assert parent.children() == [first["session_id"]]


async def test_an_agent_finds_agents_and_starts_one_by_its_name(stage: Stage, parent: HandParent) -> None:
    """A03: with parameters by the schema that it was shown; what does not fit is said with its place."""
    schema = {"type": "object", "properties": {"bird": {"type": "string"}}, "required": ["bird"]}
    agent_made = {
        "name": "birds",
        "description": "Counts birds.",
        "executor": "scripted",
        "parameters_schema": schema,
        "system_prompt": "result 42 herons",
    }
    assert stage.coordinator.http.post("/agents", json=agent_made).status_code == 201
    async with mcp_agent(stage.coordinator, "http", parent.token) as agent:
        shown = await agent.call("list_agents")
        child = await agent.call("start_agent_session", agent_name="birds", parameters={"bird": "heron"}, mode="sync")
        wrong = await agent.refused("start_agent_session", agent_name="birds", parameters={"bird": 1})
        unknown = await agent.refused("start_agent_session", agent_name="nobody", prompt="x")
    about = {"agent_name": "birds", "description": "Counts birds.", "executor_type": "scripted"}
    assert about | {"parameters_schema": schema} in shown["agents"]
    assert (child["status"], child["result_text"]) == ("completed", "42 herons")
    assert stage.coordinator.session(child["session_id"]).agent_name == "birds"
    assert (wrong["code"], wrong["errors"][0]["pointer"]) == ("invalid_parameters", "/parameters/bird")
    assert (unknown["code"], "list_agents" in unknown["hint"]) == ("agent_not_found", True)


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_person_names_the_parent_by_environment_or_header(stage: Stage, transport: Transport) -> None:
    """A25: a person's token proves no session; the header in HTTP mode, the environment on stdio, names the parent."""
    coordinator = stage.coordinator
    named = coordinator.completed("say parent").session_id
    async with mcp_agent(coordinator, transport, coordinator.token, named) as agent:
        child = await agent.call("start_agent_session", prompt="say child", executor_type="scripted", mode="sync")
    async with mcp_agent(coordinator, transport, coordinator.token) as nobody:
        root = await nobody.call("start_agent_session", prompt="say root", executor_type="scripted", mode="sync")
        assert (await nobody.refused("report_status", text="hi"))["code"] == "invalid_request"
    assert coordinator.session(child["session_id"]).parent_session_id == named
    assert coordinator.session(root["session_id"]).parent_session_id is None


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_repeat_with_the_same_request_id_does_nothing_twice(
    stage: Stage, parent: HandParent, transport: Transport
) -> None:
    """Also over another connection; the same words for another tool or with other arguments are another request."""
    start = {"prompt": "say child", "executor_type": "scripted", "request_id": "one"}
    answers: list[tuple[dict[str, Any], ...]] = []
    for _ in range(2):
        async with mcp_agent(stage.coordinator, transport, parent.token) as agent:
            first = await agent.call("start_agent_session", **start)
            resume = {"session_id": first["session_id"], "prompt": "say more", "request_id": "one"}
            second = await agent.call("resume_agent_session", **resume)
            message = {"session_id": first["session_id"], "message": "say yet more", "delivery": "resume"}
            message["request_id"] = "one"
            third = await agent.call("send_message", **message)
            note = await agent.call("report_status", text="started", request_id="one")
            answers.append((first, second, third, note))
            changed = await agent.refused("start_agent_session", **start | {"prompt": "say another"})
            assert changed["code"] == "idempotency_mismatch"
            assert "new one" in changed["hint"]
            assert changed["message"] == "This request_id came with another request before."
            other = await agent.refused("report_status", text="finished", request_id="one")
            assert other["code"] == "idempotency_mismatch"
    assert answers[0] == answers[1]
    assert parent.children() == [answers[0][0]["session_id"]]
    assert stage.coordinator.session(answers[0][0]["session_id"]).run_count == 3
    assert len(stage.coordinator.events(parent.session_id, "note")) == 1


async def test_many_children_are_waited_for_in_slices_and_each_is_told_once(stage: Stage, parent: HandParent) -> None:
    """The cursor stands for those still at work; a result that is too long for its share is read in pieces."""
    async with mcp_agent(stage.coordinator, "http", parent.token) as agent:
        long = await agent.call("start_agent_session", prompt=f"result {'x' * 9_000}.", executor_type="scripted")
        slow = await agent.call(
            "start_agent_session", prompt=f"{hold('slices')}\nfail broken", executor_type="scripted"
        )
        handles = [long["run_id"], slow["session_id"], long["session_id"]]
        early = await agent.call("wait_agent_session", handles=handles, until="any")
        assert [one["run_id"] for one in early["ended"]] == [long["run_id"]]
        assert [one["run_id"] for one in early["waiting"]] == [slow["run_id"]]
        nothing = await agent.call("wait_agent_session", cursor=early["cursor"], timeout_seconds=0)
        assert (nothing["ended"], nothing["cursor"]) == ([], early["cursor"])
        busy = await agent.refused("get_agent_session_result", session_id=slow["session_id"])
        assert (busy["code"], busy["hint"]) == ("run_not_finished", "Call wait_agent_session first.")
        stage.world.let_go("slices")
        late = await agent.call("wait_agent_session", cursor=early["cursor"])
        (failed,) = late["ended"]
        assert (failed["status"], failed["error"]) == ("failed", {"code": "agent_failed", "message": "broken"})
        assert "cursor" not in late
        later = await agent.call("start_agent_session", prompt="sleep 1\nresult late", executor_type="scripted")
        both = await agent.call("wait_agent_session", handles=[slow["run_id"], later["run_id"]])
        assert [one["status"] for one in both["ended"]] == ["failed", "completed"], "all means all"

        head = await agent.call("get_agent_session_result", session_id=long["session_id"])
        assert (len(head["result_text"]), head["total_characters"]) == (8_000, 9_001)
        rest = await agent.call("get_agent_session_result", session_id=long["session_id"], offset=head["next_offset"])
        assert (head["result_text"] + rest["result_text"], "next_offset" in rest) == ("x" * 9_000 + ".", False)
        assert (await agent.refused("wait_agent_session", cursor="nonsense"))["code"] == "invalid_cursor"


async def test_who_waits_for_a_child_that_needs_a_person_is_told(stage: Stage, parent: HandParent) -> None:
    async with mcp_agent(stage.coordinator, "http", parent.token) as agent:
        asks = await agent.call("start_agent_session", prompt='ask Bash {"command": "x"}', executor_type="scripted")
        waits = {"handles": [asks["run_id"]], "timeout_seconds": 0.2}
        told: set[str | None] = set()
        for _ in range(100):
            (child,) = (await agent.call("wait_agent_session", **waits))["waiting"]
            told.add(child.get("waiting_for"))
            if "approval" in told:
                break
        assert "approval" in told
        await agent.call("stop_agent_session", session_id=asks["session_id"])


async def test_a_coordinator_that_is_killed_meanwhile_is_not_noticed_by_an_agent_on_stdio(world: World) -> None:
    """A41: its calls are asked again until the coordinator is back; the wait goes on, and nothing is started twice."""
    coordinator = world.coordinator()
    world.runner(coordinator)
    order = {"executor_type": "scripted", "request_id": "one"}
    async with mcp_agent(coordinator, "stdio", coordinator.token) as agent:
        first = await agent.call("start_agent_session", prompt=f"{hold('go-on')}\nresult 42", **order)
        waiting = asyncio.create_task(agent.call("wait_agent_session", handles=[first["run_id"]]))
        await asyncio.to_thread(until, lambda: held(coordinator), 10, "the wait is held")
        await asyncio.to_thread(coordinator.kill)
        again = asyncio.create_task(agent.call("start_agent_session", prompt=f"{hold('go-on')}\nresult 42", **order))
        await asyncio.to_thread(coordinator.restart)
        assert await again == first
        world.let_go("go-on")
        assert [one["result_text"] for one in (await waiting)["ended"]] == ["42"]


def held(coordinator: Coordinator) -> bool:
    """Whether somebody waits for a run's end, besides the runner for work."""
    return "callboard_requests_held 2.0" in coordinator.http.get("/metrics").text


async def test_an_agent_with_only_this_server_needs_six_calls_and_few_words(stage: Stage, parent: HandParent) -> None:
    """It starts, waits for, reads and stops a child; counted is all that it is shown: tools, schemas and answers."""
    async with mcp_agent(stage.coordinator, "stdio", parent.token) as agent:
        tools = await agent.client.list_tools()
        child = await agent.call("start_agent_session", prompt="result 42 herons", executor_type="scripted")
        await agent.call("wait_agent_session", handles=[child["run_id"]])
        result = await agent.call("get_agent_session_result", session_id=child["session_id"])
        assert result["result_text"] == "42 herons"
        await agent.call("resume_agent_session", session_id=child["session_id"], prompt=hold("never"))
        await agent.call("stop_agent_session", session_id=child["session_id"])
        late = await agent.call("wait_agent_session", handles=[child["session_id"]])
        assert late["ended"][0]["status"] == "stopped"
    shown = [tools.model_dump_json(by_alias=True, exclude_none=True, include={"tools"})]
    shown += [f"{name} {json.dumps(answer)}" for name, answer in agent.told]
    count = sum(map(len, shown))
    print(*shown, f"{len(agent.told)} calls, {count} characters", sep="\n")  # noqa: T201 - to be looked at with -s
    assert len(agent.told) <= CALLS_ALLOWED
    assert count < CHARACTERS_ALLOWED


async def test_a_parent_that_starts_too_many_children_or_goes_too_deep_is_told_what_to_do(
    stage: Stage, parent: HandParent
) -> None:
    """Of a hundred children it gets twenty, and so of a thousand; each refusal is a sentence with a next step."""
    coordinator = stage.coordinator
    async with mcp_agent(coordinator, "http", parent.token) as agent:
        order = {"prompt": "say child", "executor_type": "scripted", "tags": ["nobody-has-this"]}
        started = [await agent.call("start_agent_session", **order) for _ in range(20)]
        refusals = [await agent.refused("start_agent_session", **order) for _ in range(80)]
    assert {(one["code"], one["message"], one["hint"]) for one in refusals} == {
        (
            "limit_reached",
            f"{parent.session_id} has 20 children; the limit is 20.",
            "Resume one of them, or do the work in this session.",
        )
    }
    assert parent.children() == sorted(one["session_id"] for one in started)

    deepest = None
    for _ in range(6):
        deepest = coordinator.start_run("say level", parent_session_id=deepest).session_id
    async with mcp_agent(coordinator, "http", coordinator.token, deepest) as agent:
        error = await agent.refused("start_agent_session", prompt="say too deep")
    assert error["code"] == "limit_reached"
    assert error["message"] == "A child here would be at depth 6; the limit is 5."
    assert error["hint"] == "Do the work in this session instead of starting another."
