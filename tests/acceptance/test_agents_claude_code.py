"""A03, A17: agents as the real Claude Code gets them, seen at the model server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callboard.client.calls import agents
from callboard.wire.agents import CreateAgent
from tests.support.claude import ClaudeWorld, served_model
from tests.support.coordinator import QUICK
from tests.support.world import World

pytestmark = [pytest.mark.clients, pytest.mark.either_database, pytest.mark.timeout(120)]
COUNT: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.fixture
def claude(world: World, claude_code: Path) -> Iterator[ClaudeWorld]:
    """Yield a world whose runner offers the real client."""
    with served_model() as model:
        yield ClaudeWorld(world, claude_code, model, QUICK)


def make(claude: ClaudeWorld, name: str, **fields: Any) -> None:
    """An agent of the API."""
    claude.coordinator.client.send(agents.create(CreateAgent(name=name, **fields)))


def test_a03_prompt_model_and_tools_are_in_what_the_model_is_asked(claude: ClaudeWorld) -> None:
    """A03; a subagent's file of the repository is such an agent too, and a resume goes on with it."""
    make(claude, "reviewer", system_prompt="You are canary-reviewer.", model="claude-canary-1", tools=["Read", "Grep"])
    run = claude.coordinator.completed("[[say fine]]", agent_name="reviewer")
    again = claude.coordinator.resume_completed(run.session_id, "[[say again]]")
    assert len(claude.model.requests) == 2
    for request in claude.model.requests:
        tools = {tool["name"] for tool in request["tools"] if not tool["name"].startswith("mcp__")}
        assert "You are canary-reviewer." in json.dumps(request["system"])
        assert (request["model"], {"Read", "Grep"} <= tools, {"Bash", "Write"} & tools) == (
            "claude-canary-1",
            True,
            set(),
        )
    assert (again.agent_name, again.result_text) == ("reviewer", "again")


def test_a03_a_subagents_file_of_the_repository_is_an_agent(claude: ClaudeWorld) -> None:
    folder = claude.repository / ".claude" / "agents"
    folder.mkdir(parents=True)
    front = "name: tester\ndescription: Use this: when testing\ntools: Read\nmodel: claude-canary-2"
    text = f"---\n{front}\n---\nYou are canary-tester.\n"
    (folder / "tester.md").write_text(text, encoding="utf-8")
    assert claude.world.command_line(claude.coordinator)("agent", "sync").code == 0
    claude.coordinator.completed("[[say fine]]", agent_name="tester", project_dir=str(claude.repository))
    (request,) = claude.model.requests
    assert "You are canary-tester." in json.dumps(request["system"])
    assert request["model"] == "claude-canary-2"


@pytest.mark.parametrize(
    ("turns", "reason", "data"),
    [
        (["say no data", "later say none", 'later json {"n": 2}'], "completed", {"n": 2}),
        (["say no data", "later say none", "later say and none", "later say never"], "output_invalid", None),
    ],
)
def test_a17_without_data_that_fits_there_is_one_more_turn(
    claude: ClaudeWorld, turns: list[str], reason: str, data: Any
) -> None:
    make(claude, "exact", output_schema=COUNT)
    created = claude.coordinator.start_run("".join(f"[[{turn}]]" for turn in turns), agent_name="exact")
    run = claude.coordinator.ended(created.run_id, 60)
    assert (run.reason, run.result_data) == (reason, data)
    told = [bytes(event.payload) for event in claude.coordinator.events(run.session_id, "message")]
    assert sum(b"does not fit the output schema" in payload and b'"user"' in payload for payload in told) == 1
