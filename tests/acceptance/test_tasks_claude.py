"""`callboard task run` with the real Claude Code: its first answer breaks the test, its second one mends it."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from callboard.domain.worker_prompt import history_words_in
from tests.clients_fixture import ClaudeClient
from tests.scripted_model.server import ScriptedModel
from tests.support.claude import served_model, table_of
from tests.support.coordinator import QUICK
from tests.support.database import sqlite_only
from tests.support.repository import Repository
from tests.support.world import World

pytestmark = [pytest.mark.clients, pytest.mark.timeout(120)]

FIRST: Final = (101, 11, 7, 3)
SECOND: Final = (205, 23, 13, 5)
CHECK: Final = """
[checks.test]
argv = ["sh", "-c", "grep -q 42 answer.txt || (echo 'answer.txt: no [[usage {figures} ++ write {path} 42]]'; exit 1)"]
"""


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """Yield the scripted model."""
    with served_model() as served:
        yield served


def turn(figures: tuple[int, ...], action: str) -> str:
    """One answer of the model."""
    return f"[[usage {' '.join(map(str, figures))} ++ {action}]]"


@sqlite_only
@pytest.mark.parametrize("context", ["persistent", "fresh"])
def test_a60_a62_the_real_client_mends_what_its_first_answer_broke(
    world: World, claude_code: Path, model: ScriptedModel, context: str
) -> None:
    """A60, A62: one session, usage as the server counted it; with fresh no transcript is left."""
    client = ClaudeClient(claude_code, world.folder / "home", model)
    (client.home / "tmp").mkdir(parents=True)
    Repository(world.project)
    answer = world.folder / "project-issue-1" / "answer.txt"
    check = CHECK.format(figures=" ".join(map(str, SECOND)), path=answer)
    coordinator = world.coordinator(default_executor="claude-code", **QUICK)
    world.runner(coordinator, executors=["claude-code"], tables=table_of(client) + check)
    callboard = world.command_line(coordinator)
    assert callboard("project", "add", "--host", socket.gethostname()).code == 0
    assert callboard("task", "new", "Find the answer", "--body", turn(FIRST, f"write {answer} 41")).code == 0

    done = callboard(
        *("task", "run", "1", "--check", "test", "--context", context, "--permission-mode", "full"),
        *("--max-iterations", "3"),
    )
    assert done.code == 0, done.err
    assert answer.read_text(encoding="utf-8").strip() == "42"
    (session,) = callboard("list", "--all", "--json").value["items"]
    assert (session["context"], session["run_count"], session["lifecycle"]) == (context, 2, "complete")
    newest_first = coordinator.http.get(f"/sessions/{session['session_id']}/runs").json()["items"]
    prompts = [run["prompt"] for run in reversed(newest_first)]
    assert "answer.txt: no" not in prompts[0]
    assert "answer.txt: no" in prompts[1]
    assert [history_words_in(prompt) for prompt in prompts] == [[], []]

    counted = [tuple(one.usage) for one in model.answers if one.complete]
    assert SECOND in counted
    used = coordinator.session(session["session_id"]).usage
    figures = (used.input_tokens, used.output_tokens, used.cache_read_tokens, used.cache_creation_tokens)
    assert figures == tuple(map(sum, zip(*counted, strict=True)))
    assert len(client.transcripts()) == (1 if context == "persistent" else 0)
