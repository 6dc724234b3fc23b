"""Callbacks under kills: each end of a child is accepted by exactly one run of its parent, and none is lost."""

import random
import re
from typing import Final

import pytest

from callboard.client.calls import callbacks
from callboard.wire.steering import Callback
from tests.conftest import FaultRound
from tests.faults.times import LATE
from tests.support.coordinator import Coordinator, payload_of, text_of, until
from tests.support.history import assert_promises_kept
from tests.support.runner import Runner
from tests.support.stream import StreamReader
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

CHILDREN: Final = 5
KILLS: Final = 3
_TOLD = re.compile(r'<agent-callback session="ses_\w+" run="(run_\w+)"')


def callbacks_to(coordinator: Coordinator, session_id: str) -> list[Callback]:
    """The callbacks of a session."""
    return coordinator.client.send(callbacks.list_(session_id=session_id, limit=200)).items


def told(coordinator: Coordinator, session_id: str) -> list[str]:
    """The children's runs that the session's agent was told of, prompt by prompt."""
    payloads = [payload_of(event) for event in coordinator.events(session_id, "message")]
    prompts = [text_of(payload) for payload in payloads if payload["role"] == "user"]
    return [run_id for prompt in prompts for run_id in _TOLD.findall(prompt)]


def accepted(reader: StreamReader) -> int:
    """How many ends of children the stream has shown as accepted."""
    return sum(event["type"] == "callback_accepted" for event in reader.events)


def break_something(coordinator: Coordinator, runner: Runner, reader: StreamReader, source: random.Random) -> None:
    """Kill the coordinator or the runner after the next few events, or after the last one, and start it again."""
    count = len(reader.events) + source.randint(1, 8)
    reader.until(lambda: len(reader.events) >= count or accepted(reader) == CHILDREN, what=f"{count} events or all")
    if source.random() < 0.3:
        runner.kill()
        runner.restart()
        return
    coordinator.kill()
    reader.broken()
    coordinator.restart()
    reader.connect()


def test_a39_r5_five_children_are_told_exactly_once_through_kills_of_coordinator_and_runner(
    world: World, fault_round: FaultRound
) -> None:
    source = fault_round.source()
    coordinator = world.coordinator(**LATE)
    runner = world.runner(coordinator, slots=8)
    parent = coordinator.completed("say parent")
    reader = coordinator.stream(root_session_id=parent.session_id)
    children = [
        coordinator.start_run(
            f"sleep {source.uniform(0, 1.5):.2f}\nresult of {number}",
            parent_session_id=parent.session_id,
            execution_mode="async_callback",
        )
        for number in range(CHILDREN)
    ]
    for _ in range(KILLS):
        break_something(coordinator, runner, reader, source)
    until(
        lambda: [one.status for one in callbacks_to(coordinator, parent.session_id)] == ["accepted"] * CHILDREN,
        60,
        "all ends are accepted",
    )
    arrived = callbacks_to(coordinator, parent.session_id)
    assert {one.child_run_id for one in arrived} == {child.run_id for child in children}
    for run_id in {one.run_id for one in arrived if one.run_id}:
        assert coordinator.ended(run_id).reason == "completed"
    assert sorted(told(coordinator, parent.session_id)) == sorted(child.run_id for child in children)
    accepted = [payload_of(event) for event in coordinator.events(parent.session_id, "callback_accepted")]
    assert sorted(one["child_run_id"] for one in accepted) == sorted(child.run_id for child in children)
    assert_promises_kept(coordinator, parent.session_id, *(child.session_id for child in children))


def test_r15_nothing_below_a_stopped_session_runs_again_while_children_end_and_callbacks_wait(
    world: World, fault_round: FaultRound
) -> None:
    """Issue 4: a stop of the tree at a random moment; what is held goes with the run that a person starts."""
    source = fault_round.source()
    coordinator = world.coordinator(**LATE)
    world.runner(coordinator, slots=8)
    parent = coordinator.completed("say parent")
    reader = coordinator.stream(root_session_id=parent.session_id)
    children = [
        coordinator.start_run(
            f"sleep {source.uniform(0, 0.8):.2f}\nresult of {number}",
            parent_session_id=parent.session_id,
            execution_mode="async_callback",
        )
        for number in range(CHILDREN)
    ]
    reader.until_count(len(reader.events) + source.randint(1, 25))
    coordinator.http.post(f"/sessions/{parent.session_id}/stop", json={"subtree": True}).raise_for_status()
    for child in children:
        coordinator.ended(child.run_id)
    until(lambda: not coordinator.session(parent.session_id).queued_runs, 30, "nothing of the parent waits")
    until(
        lambda: {one.status for one in callbacks_to(coordinator, parent.session_id)} <= {"held", "accepted"},
        30,
        "each callback was accepted before the stop, or is held",
    )
    before = len(coordinator.events(parent.session_id, "run_start"))
    resumed = coordinator.resume_completed(parent.session_id, "say go on")
    assert len(coordinator.events(parent.session_id, "run_start")) == before + 1
    assert {one.status for one in callbacks_to(coordinator, parent.session_id)} == {"accepted"}
    assert resumed.trigger == "user"
    assert sorted(told(coordinator, parent.session_id)) == sorted(child.run_id for child in children)


def test_s7_a_parent_that_starts_a_thousand_children_is_refused_with_a_sentence(world: World) -> None:
    coordinator = world.coordinator(**LATE)
    hand = world.hand_runner(coordinator)
    parent = coordinator.start_run("say parent")
    hand.begin(parent.run_id)
    order = {"type": "start_session", "prompt": "say child", "execution_mode": "async_callback"}
    with coordinator.with_token(hand.session_tokens[parent.run_id]) as its:
        answers = [its.post("/runs", json=order) for _ in range(1000)]
        made = [answer for answer in answers if answer.status_code == 201]
        refused = {answer.json()["code"] for answer in answers if answer.status_code != 201}
        assert (len(made), refused) == (20, {"limit_reached"})
        assert "the limit is 20" in answers[-1].json()["detail"]
        assert answers[-1].json()["hint"]
