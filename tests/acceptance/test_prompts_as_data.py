"""Text from elsewhere never becomes a script: an executor `command` that is a shell takes a person's words alone."""

import json
import os

import pytest

from tests.acceptance.test_callbacks import CALLBOARD, callbacks_to
from tests.acceptance.test_spawn import Shop
from tests.support.coordinator import until
from tests.support.world import World, hold

BODY = "it's\ntouch CANARY\n$(touch CANARY)\n"
TABLES = """
[executors.reader]
type = "command"
prompt_is_data = true
argv = ["sh", "-c", "cat > told"]
[executors.wrapped]
type = "command"
argv = ["flock", "lock", "bash"]
"""


@pytest.mark.either_database
@pytest.mark.timeout(120)
def test_a57_no_issue_no_agent_and_no_childs_result_reaches_a_shell(world: World) -> None:
    """A57: work is refused at its start, with what to do; a program gets the prompt as data; a person's words run."""
    shop = _shop(world)
    coordinator = shop.coordinator
    for words in (["spawn", "3"], ["task", "run", "3"], ["milestone", "start", "1"]):
        told = shop.refused(8, *words, "--executor", "command")
        assert "may run its prompt as a script" in told
    told = shop.refused(8, "spawn", "3", "--executor", "wrapped", "--dry-run")
    assert "prompt_is_data = true below [executors.wrapped]" in told
    assert coordinator.completed("echo mine", executor_type="wrapped").result_text == "mine"
    made = shop.do("spawn", "3", "--executor", "reader")
    coordinator.ended(made["run_id"])
    (told_file,) = world.folder.glob("*/told")
    assert "$(touch CANARY)" in told_file.read_text(encoding="utf-8")
    assert "as a script" in shop.refused(8, "resume", "3", "echo", "--executor", "command")

    order = json.dumps({"prompt": "touch CANARY", "executor_type": "command"})
    asked = coordinator.ended(coordinator.start_run(f"mcp start_agent_session {order}").run_id)
    assert "may run its prompt as a script" in coordinator.http.get(f"/sessions/{asked.session_id}/events").text

    child = "printf 'result $(touch CANARY)' | " + f"{CALLBOARD} run - --executor scripted --mode async_callback -q"
    asked = coordinator.ended(coordinator.start_run(child, executor_type="command").run_id)
    assert asked.exit_code == 8
    assert "callboard run … --wait" in str(asked.error)
    parent = coordinator.completed("data", executor_type="reader")
    begun = coordinator.start_run(
        f"{hold('free')}\nresult $(touch CANARY)",
        parent_session_id=parent.session_id,
        execution_mode="async_callback",
    )
    coordinator.resume_completed(parent.session_id, "echo mine", executor_type="command")
    world.let_go("free")
    assert coordinator.ended(begun.run_id).status == "completed"

    def given_up() -> bool:
        return [one.status for one in callbacks_to(coordinator, parent.session_id)] == ["undeliverable"]

    until(given_up, 30, "the shell is told no result")
    forked = coordinator.http.post(f"/sessions/{parent.session_id}/fork", json={"prompt": "echo"})
    assert forked.json()["code"] == "prompt_is_script", forked.text
    fresh = coordinator.completed("echo 'touch CANARY'", executor_type="command", context="fresh")
    assert coordinator.resume_completed(fresh.session_id, "echo two").result_text == "two"
    # A runner removes folders of attempts meanwhile: `walk` passes over what goes, `rglob` does not.
    assert [folder for folder, _, names in os.walk(world.folder) if "CANARY" in names] == []


def _shop(world: World) -> Shop:
    shop = Shop(world)
    executors = ["command", "reader", "wrapped", "scripted"]
    world.runner(shop.coordinator, executors=executors, allow_shell=True, tables=TABLES)
    shop.do("task", "new", "plain", "--body", BODY)
    shop.do("milestone", "new", "First", "1")
    return shop
