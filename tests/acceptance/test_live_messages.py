"""Messages into a live run: said once whatever dies, and never lost when the run ends before its agent took them."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from callboard.client.calls import sessions
from callboard.wire.responses import RunCreated
from tests.acceptance.conftest import Stage
from tests.support.claude import ClaudeWorld, served_model
from tests.support.coordinator import QUICK, Coordinator, payload_of, text_of, until
from tests.support.processes import agent_of
from tests.support.runner import Runner
from tests.support.world import World, hold

pytestmark = pytest.mark.either_database

PATIENT = QUICK | {"lease_seconds": 30, "lost_runner_seconds": 30}


def send(coordinator: Coordinator, session_id: str, text: str, **more: Any) -> dict[str, Any]:
    """Say something to a session's agent."""
    answer = coordinator.http.post(f"/sessions/{session_id}/messages", json={"text": text} | more)
    assert answer.status_code == 201, answer.text
    sent: dict[str, Any] = answer.json()
    return sent


def heard(coordinator: Coordinator, session_id: str) -> list[tuple[str, str | None]]:
    """What the agent of a session took, in order, each with the id of the message that it was."""
    messages = [payload_of(event) for event in coordinator.events(session_id, "message")]
    return [(text_of(one), one.get("message_id")) for one in messages if one["role"] == "user"]


def guidance(coordinator: Coordinator, session_id: str) -> list[tuple[str, str]]:
    """What the log says of messages to live runs."""
    told = [payload_of(event) for event in coordinator.events(session_id, "guidance")]
    return [(one["message_id"], one["status"]) for one in told]


def held_run(coordinator: Coordinator, name: str, then: str = "say first", **fields: Any) -> RunCreated:
    """A run at work until the test lets it go on."""
    created = coordinator.start_run(f"{hold(name)}\n{then}", **fields)
    coordinator.until_event(created, "pre_tool", tool_input={"command": hold(name)[4:]})
    return created


def test_a_message_reaches_the_agent_in_the_middle_of_its_run(stage: Stage) -> None:
    coordinator = stage.coordinator
    run = held_run(coordinator, "live-1")
    by_command = stage.callboard("send", run.session_id, "say second", "--json").value
    assert (by_command["delivery"], by_command["run_id"]) == ("live", run.run_id)
    more = send(coordinator, run.session_id, "say third", delivery="live")
    until(lambda: len(guidance(coordinator, run.session_id)) == 2, 20, "both on their way to the agent")
    stage.world.let_go("live-1")
    assert coordinator.ended(run.run_id).result_text == "third"
    assert coordinator.said(run.session_id) == ["first", "second", "third"]
    ids = [by_command["message_id"], more["message_id"]]
    assert heard(coordinator, run.session_id)[1:] == [("say second", ids[0]), ("say third", ids[1])]
    assert guidance(coordinator, run.session_id) == [(one, "offered") for one in ids]
    assert coordinator.session(run.session_id).run_count == 1


def test_an_agent_that_does_not_listen_gets_the_message_as_its_next_run(world: World) -> None:
    coordinator = world.coordinator(**QUICK)
    world.runner(coordinator, executors=["command"], tables='[executors.command]\nargv = ["sh"]\n')
    run = coordinator.start_run("until [ -e deaf ]; do sleep 0.02; done", executor_type="command")
    until(lambda: coordinator.run(run.run_id).status == "running", 20, "the run")
    refused = coordinator.http.post(
        f"/sessions/{run.session_id}/messages", json={"text": "echo heard", "delivery": "live"}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "no_live_run")
    sent = send(coordinator, run.session_id, "echo heard")
    assert (sent["delivery"], coordinator.run(sent["run_id"]).status) == ("resume", "pending")
    world.let_go("deaf")
    assert coordinator.ended(sent["run_id"]).status == "completed"


def _is_journaled(runner: Runner, message_id: str) -> bool:
    return any(message_id.encode() in journal.read_bytes() for journal in runner.state_dir.rglob("journal"))


@pytest.mark.parametrize("killed", ["coordinator", "runner", "both"])
@pytest.mark.parametrize("passed_on", [False, True])
def test_r20_a_message_is_taken_once_whatever_is_killed_on_its_way(world: World, killed: str, passed_on: bool) -> None:
    """R20: before the runner could pass it on, and between the keeper's journal and the agent."""
    coordinator = world.coordinator(**PATIENT)
    runner = world.runner(coordinator)
    run = held_run(coordinator, "killed", then="say first")
    if not passed_on and killed != "coordinator":
        runner.kill()
    sent = send(coordinator, run.session_id, "append taken.txt once\nsay second")
    if passed_on:
        until(lambda: _is_journaled(runner, sent["message_id"]), 20, "the keeper's input")
        if killed != "coordinator":
            runner.kill()
    if killed != "runner":
        coordinator.kill()
        coordinator.restart()
    if killed != "coordinator":
        runner.restart()
    until(lambda: _is_journaled(runner, sent["message_id"]), 30, "the keeper's input")
    world.let_go("killed")
    assert coordinator.ended(run.run_id, 60).status == "completed"
    assert coordinator.said(run.session_id) == ["first", "second"]
    assert [one for _, one in heard(coordinator, run.session_id)] == [None, sent["message_id"]]
    assert (world.project / "taken.txt").read_text(encoding="utf-8").count("once") == 1
    assert coordinator.session(run.session_id).run_count == 1


def test_a_message_that_no_agent_took_becomes_the_next_run(stage: Stage) -> None:
    coordinator = stage.coordinator
    run = held_run(coordinator, "never-let-go")
    sent = send(coordinator, run.session_id, "say after the crash")
    assert sent["delivery"] == "live"
    os.kill(agent_of(run.run_id).pid, signal.SIGKILL)
    assert coordinator.ended(run.run_id).status == "failed"
    until(lambda: coordinator.said(run.session_id) == ["after the crash"], 20, "the run of the message")
    queued = [payload_of(event) for event in coordinator.events(run.session_id, "run_queued")]
    assert [one.get("message_id") for one in queued] == [None, sent["message_id"]]
    assert [one["trigger"] for one in queued] == ["user", "user"]


def test_a_stopped_session_is_not_told_what_waits(world: World) -> None:
    """What a person cancelled does not run; a stop of the run alone leaves the message, which follows it."""
    coordinator = world.coordinator(**PATIENT)
    runner = world.runner(coordinator)
    runs = [held_run(coordinator, name) for name in ("whole", "alone")]
    runner.kill()
    never, afterwards = (send(coordinator, run.session_id, f"say to {run.session_id}") for run in runs)
    coordinator.client.send(sessions.stop(runs[0].session_id))
    coordinator.http.post(f"/runs/{runs[1].run_id}/stop").raise_for_status()
    runner.restart()
    assert [coordinator.ended(run.run_id, 60).status for run in runs] == ["stopped", "stopped"]
    said = [f"to {runs[1].session_id}"]
    until(lambda: coordinator.said(runs[1].session_id) == said, 20, "the run of the message")
    told = guidance(coordinator, runs[0].session_id)
    assert told == [(never["message_id"], "offered"), (never["message_id"], "cancelled")]
    assert guidance(coordinator, runs[1].session_id) == [(afterwards["message_id"], "offered")]
    assert coordinator.session(runs[0].session_id).run_count == 1


def test_s6_an_agent_does_not_speak_to_a_live_run_that_may_do_more_than_itself(stage: Stage) -> None:
    """S6: its message becomes a run of its own there, with no more rights than the agent has."""
    coordinator = stage.coordinator
    parent = coordinator.start_run("hang", permission_mode="edit")
    until(lambda: coordinator.run(parent.run_id).status == "running", 20, "the parent")
    with coordinator.with_token(stage.runner.token_of(parent.run_id)) as its:
        order = {"type": "start_session", "prompt": "sleep 2\nsay over", "executor_type": "scripted"}
        child = its.post("/runs", json=order).json()
        until(lambda: coordinator.run(child["run_id"]).status == "running", 20, "the child")
        told = its.post(f"/sessions/{child['session_id']}/messages", json={"text": "say told"}).json()
        assert (told["delivery"], told["run_id"]) == ("live", child["run_id"])
        coordinator.ended(child["run_id"])
        mighty = coordinator.resume(child["session_id"], hold("mighty"), permission_mode="full")
        until(lambda: coordinator.run(mighty.run_id).status == "running", 20, "the run of the person")
        asked = its.post(f"/sessions/{child['session_id']}/messages", json={"text": "say anew"}).json()
        assert asked["delivery"] == "resume"
        stage.world.let_go("mighty")
        assert coordinator.ended(asked["run_id"]).permission_mode == "edit"
    assert coordinator.said(child["session_id"]) == ["over", "told", "anew"]
    coordinator.client.send(sessions.stop(parent.session_id))


@pytest.mark.clients
@pytest.mark.timeout(120)
def test_the_real_claude_code_takes_a_message_into_its_turn(world: World, claude_code: Path) -> None:
    """A70: said while a tool runs, it is part of the turn; the log names the message that the client took."""
    with served_model() as model:
        claude = ClaudeWorld(world, claude_code, model, PATIENT)
        coordinator = claude.coordinator
        os.mkfifo(world.project / "go")
        run = coordinator.start_run("[[bash cat go > /dev/null]] [[say not reached]]", permission_mode="full")
        coordinator.until_event(run, "pre_tool", 60)
        sent = send(coordinator, run.session_id, "also [[say heard you]]")
        assert sent["delivery"] == "live"
        until(lambda: _is_journaled(claude.runner, sent["message_id"]), 20, "the keeper's input")
        (world.project / "go").write_text("")
        assert coordinator.ended(run.run_id, 60).result_text == "heard you"
        assert heard(coordinator, run.session_id)[1:] == [("also [[say heard you]]", sent["message_id"])]
