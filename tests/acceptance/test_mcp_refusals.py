"""A25, S7: what an agent may not do is refused in each of the four ways in which it can ask."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from mcp import MCPError

from tests.acceptance.conftest import Stage
from tests.support.coordinator import payload_of
from tests.support.hand_parent import HandParent
from tests.support.mcp_agent import Transport, mcp_agent

pytestmark = pytest.mark.either_database

ACTIONS: Final = ("start", "resume", "message", "stop", "read")
OTHERS: Final = ACTIONS[1:]
Ask = Callable[[Stage, str, str | None, str, str], Awaitable[str]]
"""Stage, token, the session that it says it is, action, the session that is meant; the code of the refusal."""


async def by_raw_http(stage: Stage, token: str, said: str | None, action: str, session_id: str) -> str:
    order: dict[str, Any] = {"type": "start_session", "prompt": "say forged", "executor_type": "scripted"}
    requests = {
        "start": ("POST", "/runs", order | ({"parent_session_id": said} if said else {})),
        "resume": ("POST", "/runs", {"type": "resume_session", "session_id": session_id, "prompt": "say forged"}),
        "message": ("POST", f"/sessions/{session_id}/messages", {"text": "say forged"}),
        "stop": ("POST", f"/sessions/{session_id}/stop", {}),
        "read": ("GET", f"/sessions/{session_id}/result", None),
    }
    method, path, body = requests[action]
    with stage.coordinator.with_token(token) as http:
        return str(http.request(method, path, json=body).json()["code"])


async def by_header(stage: Stage, token: str, said: str | None, action: str, session_id: str) -> str:
    del action, session_id
    order = {"type": "start_session", "prompt": "say forged", "executor_type": "scripted"}
    with stage.coordinator.with_token(token) as http:
        return str(http.post("/runs", json=order, headers={"X-Agent-Session-Id": said or ""}).json()["code"])


async def by_command_line(stage: Stage, token: str, said: str | None, action: str, session_id: str) -> str:
    words = {
        "start": ("run", "say forged", "--executor", "scripted"),
        "resume": ("resume", session_id, "say forged"),
        "message": ("send", session_id, "say forged"),
        "stop": ("stop", session_id),
        "read": ("session", "show", session_id),
    }
    identity = {"CALLBOARD_TOKEN": token, "CALLBOARD_TOKEN_FILE": "", "AGENT_SESSION_ID": said or ""}
    done = stage.callboard(*words[action], "--json", **identity)
    assert done.code != 0, done.out
    return str(json.loads(done.err.splitlines()[-1])["code"])


def by_mcp(transport: Transport) -> Ask:
    async def ask(stage: Stage, token: str, said: str | None, action: str, session_id: str) -> str:
        calls: dict[str, tuple[str, dict[str, Any]]] = {
            "start": ("start_agent_session", {"prompt": "say forged", "executor_type": "scripted"}),
            "resume": ("resume_agent_session", {"session_id": session_id, "prompt": "say forged"}),
            "message": ("send_message", {"session_id": session_id, "message": "say forged"}),
            "stop": ("stop_agent_session", {"session_id": session_id, "subtree": True}),
            "read": ("get_agent_session_result", {"session_id": session_id}),
        }
        tool, arguments = calls[action]
        async with mcp_agent(stage.coordinator, transport, token, said) as agent:
            error = await agent.refused(tool, **arguments)
        assert error["hint"], "an agent is told what it can do instead"
        return str(error["code"])

    return ask


async def by_mcp_over_http(stage: Stage, token: str, said: str | None, action: str, session_id: str) -> str:
    """A dead token does not even come as far as the tools."""
    with stage.coordinator.with_token(token) as http:
        at_the_door = http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    if at_the_door.status_code == 401:
        return str(at_the_door.json()["code"])
    return await by_mcp("http")(stage, token, said, action, session_id)


WAYS: Final[dict[str, Ask]] = {
    "raw HTTP": by_raw_http,
    "command line": by_command_line,
    "MCP on stdio": by_mcp("stdio"),
    "MCP over HTTP": by_mcp_over_http,
}


@pytest.mark.parametrize("way", [*WAYS, "header"])
async def test_a25_a_forged_parent_and_a_dead_token_are_refused(stage: Stage, way: str) -> None:
    """By body, environment or header it says that it is its sibling; later its run has ended, and its token with it."""
    ask = WAYS.get(way, by_header)
    root = stage.coordinator.completed("say root").session_id
    sibling = stage.coordinator.completed("say sibling", parent_session_id=root).session_id
    with HandParent(stage.world, stage.coordinator, parent_session_id=root) as agent:
        for forged in (sibling, root):
            assert await ask(stage, agent.token, forged, "start", "") == "foreign_parent"
        agent.end()
        assert await ask(stage, agent.token, agent.session_id, "start", "") == "unauthenticated"
        assert agent.children() == []
    assert stage.coordinator.session(root).children.total == 2
    assert stage.coordinator.session(sibling).children.total == 0


@pytest.mark.parametrize("way", WAYS)
async def test_s7_a_siblings_id_and_what_is_above_are_not_there_for_it(stage: Stage, way: str) -> None:
    """It can neither resume, message, stop nor read a sibling, and not act on its own parent or on itself."""
    root = stage.coordinator.completed("say root").session_id
    sibling = stage.coordinator.completed("say sibling", parent_session_id=root).session_id
    with HandParent(stage.world, stage.coordinator, parent_session_id=root) as agent:
        for action in OTHERS:
            assert await WAYS[way](stage, agent.token, agent.session_id, action, sibling) == "session_not_found"
        assert await WAYS[way](stage, agent.token, agent.session_id, "stop", root) == "session_not_found"
        assert await WAYS[way](stage, agent.token, agent.session_id, "stop", agent.session_id) == "forbidden"
    assert stage.coordinator.session(sibling).run_count == 1


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_s7_usage_and_an_end_cannot_be_forged(stage: Stage, transport: Transport) -> None:
    """Raw HTTP refuses the session's token; MCP has no such tool, and what looks like one is a note."""
    coordinator = stage.coordinator
    with HandParent(stage.world, coordinator) as agent, coordinator.with_token(agent.token) as http:
        run = f"/runner/runs/{agent.run.run_id}"
        ended = {"event_count": 0, "attempt": 1, "runner_id": "rnr_" + "0" * 20, "epoch": 1}
        usage = {"rows": [], "attempt": 1, "runner_id": "rnr_" + "0" * 20, "epoch": 1}
        completed = {"client_key": "forged", "type": "run_completed", "payload": {"status": "completed"}}
        answers = [
            http.post(f"{run}/usage", json=usage),
            http.post(f"{run}/completed", json=ended),
            http.post(f"/sessions/{agent.session_id}/events", json={"events": [completed]}),
        ]
        assert [(one.status_code, one.json()["code"]) for one in answers] == [(403, "forbidden")] * 3
        async with mcp_agent(coordinator, transport, agent.token) as client:
            for tool in ("report_usage", "run_completed", "post_events"):
                with pytest.raises(MCPError, match="There is no tool"):
                    await client.client.call_tool(tool, {"rows": []})
            await client.call("report_status", text='{"type": "run_completed"}')
        (note,) = coordinator.events(agent.session_id, "note")
        assert payload_of(note) == {"text": '{"type": "run_completed"}'}
        assert coordinator.run(agent.run.run_id).status == "running"
        assert coordinator.session(agent.session_id).usage.turns == 0


async def test_a_budget_comes_out_of_the_callers_and_what_is_too_much_is_told_with_what_is_left(stage: Stage) -> None:
    """50: an agent that reserves for its children learns the rest, so that it can ask for that."""
    limits = {"budget_microdollars": 1_000_000}
    with HandParent(stage.world, stage.coordinator, limits=limits) as agent:
        order = {"prompt": "say child", "executor_type": "scripted", "budget_microdollars": 700_000}
        async with mcp_agent(stage.coordinator, "http", agent.token) as client:
            await client.call("start_agent_session", **order)
            refused = await client.refused("start_agent_session", **order)
        assert (refused["code"], refused["hint"].partition(",")[0]) == ("budget_insufficient", "Ask for at most $0.30")
