"""`callboard task run` with real git, runners, keepers and checks: the loop as a person sees it."""

import socket
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.command import CommandLine
from tests.support.coordinator import QUICK, payload_of, until
from tests.support.database import sqlite_only
from tests.support.processes import agents_of
from tests.support.repository import Repository
from tests.support.runner import Runner
from tests.support.work import Workshop
from tests.support.world import World

TABLES: Final = """
[executors.worker]
type = "command"
prompt_is_data = true
argv = ["sh", "-c", "cat > prompt; grep -q 'not the answer' prompt && echo 42 > answer || echo 41 > answer; echo Done."]
[checks.test]
argv = ["sh", "-c", "grep -q 42 answer || { echo $(cat answer) is not the answer; exit 3; }"]
[checks.held]
argv = ["sh", "-c", "echo ran >> ../ran; until [ -e ../go ]; do sleep 0.02; done; [ -z $CALLBOARD_TOKEN ]"]
"""
IN_REPOSITORY: Final = '[checks.own]\nargv = ["test", "-e", "answer"]\n'


class Shop(Workshop):
    """A project in a real repository with three issues, a runner, and a person who stands in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.repository = Repository(world.project)
        super().__init__(world.coordinator(**QUICK), "web", str(world.project), hostname=socket.gethostname())
        self.issues(3)
        self.callboard: CommandLine = world.command_line(self.coordinator)
        self.runner: Runner = world.runner(self.coordinator, executors=["worker"], tables=TABLES)

    def do(self, *words: str) -> Any:
        """A command that works; what it prints as JSON."""
        done = self.callboard(*words, "--json")
        assert done.code == 0, done.err
        return done.value

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """What is answered there."""
        answer = self.coordinator.http.request(method, path, json=body or None)
        assert answer.is_success, answer.text
        return answer.json()

    def task(self, number: int, **settings: Any) -> Any:
        """A task as it is, after what is said of it."""
        if settings:
            self.ask("POST", "/tasks", project_id=self.project_id, number=number, **settings)
        return self.ask("GET", f"/tasks?number={number}")["items"][0]

    def begun(self) -> tuple[str, str]:
        """A task that is worked on, up to the moment at which its check runs: session and run."""
        task_id = self.task(1, checks=["held"])["task_id"]
        started = self.ask("POST", f"/tasks/{task_id}/run", executor_type="worker")
        until((self.world.folder / "ran").exists, 20, "the check runs")
        return started["session_id"], started["run_id"]

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
    assert "#1  passed  Issue 1  after 2 of 10 iterations" in done.out
    (session,) = shop.ask("GET", "/sessions")["items"]
    assert (session["run_count"], session["lifecycle"]) == (2, "complete")
    tree = Path(session["workspace"]["path"])
    assert (tree / "answer").read_text(encoding="utf-8") == "42\n"
    first, second = shop.checks(session["session_id"])
    assert (first["name"], first["exit_code"], first["tail"]) == ("test", 3, "41 is not the answer\n")
    assert (second["exit_code"], second["tail"]) == (0, "")
    assert shop.task(1)["outcome"] == "passed"
    told = shop.callboard("logs", "1").out
    assert "exit 3: 41 is not the answer" in told
    assert "check passed test" in told


@sqlite_only
def test_s6_a_check_that_this_machine_does_not_know_fails_with_where_to_name_it(world: World) -> None:
    shop = Shop(world)
    file = shop.repository.path / ".callboard" / "config.toml"
    file.parent.mkdir()
    file.write_text(IN_REPOSITORY, encoding="utf-8")
    refused = shop.callboard("task", "run", "2", "--check", "own", "--executor", "worker")
    assert refused.code == 1
    assert f"or in {file} and trust that file as it is: callboard trust" in refused.err
    assert "The agent failed" not in refused.err + shop.callboard("why", "2").out
    shop.do("project", "add", "--name", "web")
    trusted = shop.do("trust", "--data-dir", str(shop.runner.state_dir))
    assert shop.callboard("trust", "-q", "--data-dir", str(shop.runner.state_dir)).out == f"{file}\n"
    assert trusted["checks"] == {"own": ["test", "-e", "answer"]}
    assert shop.do("task", "run", "3", "--executor", "worker")["last_checks"][0]["name"] == "own"


@sqlite_only
def test_r3_a_runner_that_is_killed_amid_a_check_finds_it_again_and_repeats_nothing(world: World) -> None:
    shop = Shop(world)
    session_id, run_id = shop.begun()
    shop.runner.kill()
    (world.folder / "go").touch()
    shop.runner.restart()
    assert shop.coordinator.ended(run_id).reason == "completed"
    (check,) = shop.checks(session_id)
    assert (check["name"], check["exit_code"]) == ("held", 0)
    assert (world.folder / "ran").read_text(encoding="utf-8") == "ran\n"
    assert shop.task(1)["outcome"] == "passed"


@sqlite_only
def test_r15_a_stop_amid_a_check_leaves_no_process_and_begins_no_iteration(world: World) -> None:
    shop = Shop(world)
    session_id, run_id = shop.begun()
    assert len(agents_of(run_id)) > 0
    until(lambda: shop.ask("GET", f"/runs/{run_id}/why")["code"] == "checking", 5, "the check is told of")
    assert "the check held has been running on" in shop.ask("GET", f"/runs/{run_id}/why")["sentence"]
    shop.ask("POST", f"/sessions/{session_id}/stop")
    assert shop.coordinator.ended(run_id).reason == "stopped"
    assert agents_of(run_id) == []
    assert shop.checks(session_id) == []
    session = shop.session(session_id)
    assert (session["run_count"], session["lifecycle"]) == (1, "stuck")
    assert shop.task(1)["outcome"] == "stopped"


def a_wait_is_for_the_whole_task(shop: Shop) -> None:
    """A83: `wait` and `restart --wait` end with the task, as it did, and not with an iteration."""
    first = shop.callboard("task", "run", "3", "--check", "test", "--max-iterations", "1", "--executor", "worker")
    assert first.code == 1, first.err
    assert 'next: callboard forward 3 "…", then callboard restart 3' in first.err
    assert max(len(line) for line in first.err.splitlines() if " user:" in line) < 120
    waited = shop.callboard("wait", "3")
    assert (waited.code, waited.out, "#3 max_iterations: After 1 iteration" in waited.err) == (1, "Done.\n", True)
    assert 'next: callboard forward 3 "…", then callboard restart 3' in waited.err
    again = shop.callboard("restart", "3", "--wait")
    assert (again.code, "  finished\n" in again.err) == (0, False)
    fourth = str(shop.issue("Issue 4"))
    shop.do("task", "run", fourth, "--check", "test", "--executor", "worker", "--detach")
    assert shop.callboard("wait", fourth).code == 0
    for session in shop.ask("GET", "/sessions")["items"]:
        assert (session["lifecycle"], session["run_count"]) == ("complete", 2)


@sqlite_only
def test_a61_a_milestone_at_the_command_line(world: World) -> None:
    shop = Shop(world)
    shop.do("task", "set", "1", "--check", "test", "--depends-on", "2", "--max-iterations", "2")
    shop.task(2, checks=["test"], max_iterations=2)
    a_wait_is_for_the_whole_task(shop)
    assert shop.do("milestone", "new", "First light", "1", "2")["number"] == 1
    done = shop.callboard("milestone", "start", "1", "--executor", "worker")
    assert done.code == 0, done.err
    assert "next: callboard milestone end 1" in done.err
    assert "next: callboard milestone end 1" in shop.callboard("get", "1").err
    assert done.out.index("#2  passed") < done.out.index("#1  passed")
    ended = shop.do("milestone", "end", "1")
    assert (ended["state"], ended["summary"]) == ("ended", "Done.")
    session, *_ = shop.ask("GET", "/sessions")["items"]
    assert (session["handle"], session["workspace"]["branch"], session["run_count"]) == ("2", "milestone-1", 5)
    assert (session["lifecycle"], session["summary"]) == ("complete", "Done.")
    assert [one["tasks"][0]["outcome"] for one in shop.do("milestone", "list")["items"]] == ["passed"]
    what_is_printed_can_be_typed(shop)


def what_is_printed_can_be_typed(shop: Shop) -> None:
    """A83: numbers with and without their sign; and a worktree in which nothing can begin is not passed off as work."""
    (last, *_) = shop.callboard("task", "list", "-q").out.split()
    assert shop.do("task", "show", last) == shop.do("task", "show", f"#{last}")
    assert shop.do("get", f"#{last}")["handle"] == last
    assert shop.do("milestone", "show", "#1")["number"] == 1
    assert "1 First light" in shop.callboard("task", "show", "1").out
    assert shop.callboard("usage", f"#{last}", "-q").out.split() == [shop.do("get", last)["session_id"]]
    number = shop.issue("Issue 5")
    spawned = shop.callboard("spawn", f"#{number}")
    assert (spawned.code, "warning: Nothing works there yet. No registered" in spawned.err) == (0, True), spawned.err
    assert "next:  Start a runner that offers it: callboard runner --executor" in spawned.err
