"""Messages under kills, and at the very end of runs: each is taken by the agent once, in a live run or as the next."""

import random
import threading
from typing import Final

import httpx2
import pytest

from tests.conftest import FaultRound
from tests.faults.times import LATE
from tests.support.coordinator import Coordinator, payload_of, text_of, until
from tests.support.history import assert_promises_kept
from tests.support.runner import Runner
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

MESSAGES: Final = 10
KILLS: Final = 2


def say(coordinator: Coordinator, session_id: str, number: int) -> str:
    """Send a message until it is accepted, as a client does that has lost the answer; how it went."""
    found: list[str] = []

    def accepted() -> bool:
        key = {"Idempotency-Key": f"{session_id}-{number}"}
        try:
            answer = coordinator.http.post(
                f"/sessions/{session_id}/messages", json={"text": f"say m{number}"}, headers=key
            )
        except httpx2.TransportError:
            return False
        if answer.status_code == 201:
            found.append(answer.json()["delivery"])
        return bool(found)

    until(accepted, 30, f"message {number}")
    return found[0]


def break_something(coordinator: Coordinator, runner: Runner, source: random.Random) -> None:
    """Kill one of them, and start it again."""
    victim = runner if source.random() < 0.5 else coordinator
    victim.kill()
    victim.restart()


def test_r5_r20_each_message_is_taken_once_through_kills_and_ends(world: World, fault_round: FaultRound) -> None:
    source = fault_round.source()
    coordinator = world.coordinator(**LATE)
    runner = world.runner(coordinator)
    run = coordinator.start_run("sleep 0.2\nsay begun")
    kills = set(source.sample(range(MESSAGES), KILLS))
    deliveries, moment = [], threading.Event()
    for number in range(MESSAGES):
        if number in kills:
            breaking = world.meanwhile(lambda: break_something(coordinator, runner, source))
            deliveries.append(say(coordinator, run.session_id, number))
            breaking.result(60)
        else:
            deliveries.append(say(coordinator, run.session_id, number))
        if source.random() < 0.5:  # at once, or about when the agent has nothing left to do
            moment.wait(source.random() * 0.4)
    wanted = sorted(f"m{number}" for number in range(MESSAGES))

    def told() -> list[str]:
        messages = [payload_of(event) for event in coordinator.events(run.session_id, "message")]
        return [text_of(one).removeprefix("say ") for one in messages if one["role"] == "user"][1:]

    until(lambda: len(told()) >= MESSAGES, 60, "every message")
    until(lambda: coordinator.session(run.session_id).status == "finished", 60, "the end of the last run")
    assert sorted(told()) == wanted, deliveries
    assert sorted(one for one in coordinator.said(run.session_id) if one != "begun") == wanted, deliveries
    assert_promises_kept(coordinator, run.session_id)
