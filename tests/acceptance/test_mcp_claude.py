"""A73, A74: the real Claude Code starts children through our MCP server, which the runner configured for it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callboard.client.calls import callbacks, sessions
from callboard.wire.responses import Run, Session
from tests.support.claude import ClaudeWorld, served_model
from tests.support.coordinator import QUICK, payload_of, until
from tests.support.processes import agents_of
from tests.support.world import World, hold

pytestmark = [pytest.mark.clients, pytest.mark.either_database, pytest.mark.timeout(120)]
TOOL = "mcp__callboard__"


@pytest.fixture
def claude(world: World, claude_code: Path) -> Iterator[ClaudeWorld]:
    """Yield a world with the real client and, on a second runner, scripted children for it."""
    with served_model() as model:
        made = ClaudeWorld(world, claude_code, model, QUICK)
        world.runner(made.coordinator, name="children")
        yield made


def calls(tool: str, **arguments: Any) -> str:
    """A turn of the model that calls one of our tools."""
    return f"[[tool {TOOL}{tool} {json.dumps(arguments)}]]"


def answered(claude: ClaudeWorld, run: Run) -> list[tuple[str, Any]]:
    """What our tools answered in a run, with their names."""
    told = [payload_of(event) for event in claude.coordinator.events(run.session_id, "post_tool")]
    assert [one for one in told if one["is_error"]] == []
    return [(one["tool_name"].removeprefix(TOOL), json.loads(one["tool_output"])) for one in told]


def child_of(claude: ClaudeWorld, run: Run) -> Session:
    """The one child of a run's session."""
    (child,) = claude.coordinator.client.send(sessions.list_(parent_session_id=run.session_id)).items
    return child


@pytest.mark.parametrize(
    ("executor", "prompt"), [("scripted", "result 42 herons"), ("claude-code", "[[say 42 herons]]")]
)
def test_a73_the_real_client_starts_a_child_waits_and_gets_its_result(
    claude: ClaudeWorld, executor: str, prompt: str
) -> None:
    """A73: the parent is proven by the token that the runner gave it; nobody allowed the tools but the runner."""
    script = [
        calls("start_agent_session", prompt=prompt, executor_type=executor, request_id="one"),
        calls("wait_agent_session", handles=["<<run_id>>"]),
        calls("get_agent_session_result", session_id="<<session_id>>"),
        "[[say I know it.]]",
    ]
    run = claude.coordinator.completed("\n".join(script))

    child = child_of(claude, run)
    assert (child.parent_session_id, child.root_session_id, child.depth) == (run.session_id, run.session_id, 1)
    assert (child.executor_type, child.status) == (executor, "finished")
    assert claude.coordinator.run(child.latest_run_id or "").trigger == "agent"
    end = {"session_id": child.session_id, "run_id": child.latest_run_id, "status": "completed"}
    told = answered(claude, run)
    assert [name for name, _ in told] == ["start_agent_session", "wait_agent_session", "get_agent_session_result"]
    assert told[1][1] == {"ended": [end | {"result_text": "42 herons"}], "waiting": []}
    assert told[2][1] == end | {"result_text": "42 herons"}
    assert run.result_text == "I know it."
    assert "42 herons" in claude.last_messages()
    assert agents_of(run.run_id) == [], "the MCP server has gone with its agent"


def test_a73_the_real_client_steers_a_child_with_every_tool(claude: ClaudeWorld) -> None:
    """A73: it is told of the tools, and messages, watches, stops, lists and reports by them."""
    script = [
        calls("report_status", text="starting a helper"),
        calls("start_agent_session", prompt=f"{hold('never')}\nsay first", executor_type="scripted"),
        calls("send_message", session_id="<<session_id>>", message="say second"),
        calls("get_agent_session_status", session_id="<<session_id>>"),
        calls("stop_agent_session", session_id="<<session_id>>"),
        calls("wait_agent_session"),
        calls("resume_agent_session", session_id="<<session_id>>", prompt="result third", mode="sync"),
        calls("list_sessions"),
        "[[say done]]",
    ]
    run = claude.coordinator.completed("\n".join(script))
    child = child_of(claude, run)
    told = dict(answered(claude, run))
    assert told["get_agent_session_status"]["queued_runs"] >= 1
    assert len(told["stop_agent_session"]["cancelled"]) >= 1
    assert told["wait_agent_session"]["ended"][0]["status"] == "stopped"
    assert (told["resume_agent_session"]["status"], told["resume_agent_session"]["result_text"]) == (
        "completed",
        "third",
    )
    assert {one["session_id"] for one in told["list_sessions"]["sessions"]} == {run.session_id, child.session_id}
    notes = [payload_of(event) for event in claude.coordinator.events(run.session_id, "note")]
    assert {"text": "starting a helper"} in notes


def test_a74_a_callback_through_mcp_brings_the_childs_result_into_the_parents_next_turn(claude: ClaudeWorld) -> None:
    """A74: the parent's turn ends, its process too; our runner resumes its conversation with the result.

    Our tools need no permission, not even of an agent that may only read; its child may do no more.
    """
    start = calls("start_agent_session", prompt="result 42 herons", executor_type="scripted", mode="async_callback")
    run = claude.coordinator.completed(f"{start}\n[[say I wait for it.]]", permission_mode="read_only")
    child = child_of(claude, run)

    def accepted() -> bool:
        found = claude.coordinator.client.send(callbacks.list_(session_id=run.session_id)).items
        return [one.status for one in found] == ["accepted"]

    until(accepted, 60, "the child's end is accepted")
    (callback,) = claude.coordinator.client.send(callbacks.list_(session_id=run.session_id)).items
    resumed = claude.coordinator.ended(callback.run_id or "")
    assert (resumed.trigger, resumed.number, resumed.status) == ("callback", 2, "completed")
    assert (callback.child_session_id, callback.receiver_session_id) == (child.session_id, run.session_id)
    told = claude.last_messages()
    assert told.index("I wait for it.") < told.index("<agent-callback "), "the conversation goes on"
    assert "42 herons" in told
    assert claude.coordinator.run(child.latest_run_id or "").permission_mode == "read_only"
    (binding,) = claude.coordinator.bindings(run.session_id)
    assert binding.generation == 1
