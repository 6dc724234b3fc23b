"""`callboard task run` with real git, runners, keepers and checks: the loop as a person sees it."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.command import CommandLine
from tests.support.coordinator import QUICK, Coordinator, payload_of, until
from tests.support.database import sqlite_only
from tests.support.processes import agents_of
from tests.support.repository import Repository
from tests.support.runner import Runner
from tests.support.world import World

TABLES: Final = """
[executors.worker]
type = "command"
argv = ["sh", "-c", "cat > prompt; grep -q 'not the answer' prompt && echo 42 > answer || echo 41 > answer; echo Done."]
[checks.test]
argv = ["sh", "-c", "grep -q 42 answer || { echo $(cat answer) is not the answer; exit 3; }"]
[checks.held]
argv = ["sh", "-c", "echo ran >> ../ran; until [ -e ../go ]; do sleep 0.02; done; [ -z $CALLBOARD_TOKEN ]"]
"""
IN_REPOSITORY: Final = '[checks.own]\nargv = ["test", "-e", "answer"]\n'


class Shop:
    """A project in a real repository with three issues, a runner, and a person who stands in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.coordinator: Coordinator = world.coordinator(**QUICK)
        self.repository = Repository(world.project)
        self.callboard: CommandLine = world.command_line(self.coordinator)
        self.runner: Runner = world.runner(self.coordinator, executors=["worker"], tables=TABLES)
        self.do("project", "add")
        for title in ("Find the answer", "Ask", "Ask more"):
            self.do("task", "new", title)

    def do(self, *words: str) -> Any:
        """A command that works; what it prints as JSON."""
        done = self.callboard(*words, "--json")
        assert done.code == 0, done.err
        return done.value

    def begun(self, number: int, check: str) -> tuple[str, str]:
        """A task that is worked on, up to the moment at which its check runs: session and run."""
        session_id = self.callboard(
            *("task", "run", str(number), "--check", check, "--executor", "worker", "--detach")
        ).out.strip()
        until((self.world.folder / "ran").exists, 20, "the check runs")
        return session_id, str(self.coordinator.session(session_id).latest_run_id)

    def checks(self, session_id: str) -> list[dict[str, Any]]:
        """What was told of the session's checks."""
        return [payload_of(event) for event in self.coordinator.events(session_id, "check_completed")]


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


def test_a60_a62_a_task_is_worked_on_until_its_checks_pass(shop: Shop) -> None:
    """A60, A62: the agent mends what the check found, because its prompt says it; and where a check is named."""
    done = shop.callboard("task", "run", "1", "--check", "test", "--executor", "worker")
    assert done.code == 0, done.err
    assert "✗ #1 test exited with code 3." in done.err
    assert "✓ #1 test passed." in done.err
    assert "#1  passed  Find the answer  after 2 of 10 iterations" in done.out
    (session,) = shop.do("list", "--all")["items"]
    assert (session["run_count"], session["lifecycle"]) == (2, "complete")
    tree = Path(session["workspace"]["path"])
    assert (tree / "answer").read_text(encoding="utf-8") == "42\n"
    first, second = shop.checks(session["session_id"])
    assert (first["name"], first["exit_code"], first["tail"]) == ("test", 3, "41 is not the answer\n")
    assert (second["exit_code"], second["tail"]) == (0, "")
    assert shop.do("task", "show", "1")["outcome"] == "passed"

    refused = shop.callboard("task", "run", "2", "--check", "own", "--executor", "worker")
    assert refused.code == 1
    stuck = shop.do("get", "2")
    file = shop.repository.path / ".callboard" / "config.toml"
    assert f"or in {file} and trust that file as it is: callboard trust" in stuck["work"]["stuck_reason"]
    file.parent.mkdir()
    file.write_text(IN_REPOSITORY, encoding="utf-8")
    shop.do("project", "add")
    trusted = shop.do("trust", "--data-dir", str(shop.runner.state_dir))
    assert trusted["checks"] == {"own": ["test", "-e", "answer"]}
    assert shop.do("task", "run", "3", "--executor", "worker")["last_checks"][0]["name"] == "own"


@sqlite_only
def test_r3_a_runner_that_is_killed_amid_a_check_finds_it_again_and_repeats_nothing(world: World) -> None:
    shop = Shop(world)
    session_id, run_id = shop.begun(1, "held")
    shop.runner.kill()
    (world.folder / "go").touch()
    shop.runner.restart()
    assert shop.coordinator.ended(run_id).reason == "completed"
    (check,) = shop.checks(session_id)
    assert (check["name"], check["exit_code"]) == ("held", 0)
    assert (world.folder / "ran").read_text(encoding="utf-8") == "ran\n"
    assert shop.do("task", "show", "1")["outcome"] == "passed"


@sqlite_only
def test_r15_a_stop_amid_a_check_leaves_no_process_and_begins_no_iteration(world: World) -> None:
    shop = Shop(world)
    session_id, run_id = shop.begun(1, "held")
    assert len(agents_of(run_id)) > 0
    shop.do("stop", session_id, "--wait")
    assert agents_of(run_id) == []
    assert shop.coordinator.run(run_id).reason == "stopped"
    assert shop.checks(session_id) == []
    session = json.loads(shop.coordinator.http.get(f"/sessions/{session_id}").text)
    assert (session["run_count"], session["lifecycle"]) == (1, "stuck")
    assert shop.do("task", "show", "1")["outcome"] == "stopped"


@sqlite_only
def test_a61_a_milestone_at_the_command_line(world: World) -> None:
    shop = Shop(world)
    shop.do("task", "set", "1", "--check", "test", "--depends-on", "2", "--max-iterations", "2")
    shop.do("task", "set", "2", "--check", "test", "--max-iterations", "2")
    assert shop.do("milestone", "new", "First light", "1", "2")["number"] == 1
    done = shop.callboard("milestone", "start", "1", "--executor", "worker")
    assert done.code == 0, done.err
    assert done.out.index("#2  passed") < done.out.index("#1  passed")
    ended = shop.do("milestone", "end", "1")
    assert (ended["state"], ended["summary"]) == ("ended", "Done.")
    (session,) = shop.do("list", "--all")["items"]
    assert (session["handle"], session["workspace"]["branch"], session["run_count"]) == ("2", "milestone-1", 5)
    assert (session["lifecycle"], session["summary"]) == ("complete", "Done.")
    assert [one["tasks"][0]["outcome"] for one in shop.do("milestone", "list")["items"]] == ["passed"]
