"""A41, R16, R18: runner, keeper and agent killed at any moment: nothing said twice, nothing lost, nothing left."""

import os
import signal

import pytest

from callboard.domain.event import RESULT
from callboard.domain.invocation import Decision
from callboard.executors.process import find_strays, keeper_process
from callboard.keeper.processes import send_signal
from tests.conftest import FaultRound
from tests.executors.subjects import Stage

pytestmark = pytest.mark.faults

SCRIPT = "\n".join(
    [
        *(f"say {number}\ntool T{number} {{}}\nstream 2 0.01" for number in range(10)),
        "ask Go {}",
        "run echo x",
        "daemon 600",
    ]
)


async def test_a41_a_runner_that_is_killed_again_and_again_tells_everything_once(
    fault_round: FaultRound, scripted_stage: Stage
) -> None:
    source = fault_round.source()
    first = scripted_stage.attempt(SCRIPT)
    lives = []
    for _ in range(4):
        attempt = scripted_stage.attempt_of(first.invocation)
        attempt.decision = Decision(allow=True)
        attempt.begin()
        await attempt.until_count(source.randint(0, 60))
        await attempt.abandon()
        lives.append(attempt)
    last = scripted_stage.attempt_of(first.invocation)
    last.decision = Decision(allow=True)
    assert (await last.end()).kind == "completed"
    again = scripted_stage.attempt_of(first.invocation)
    await again.end()
    assert again.events == last.events
    assert all(attempt.events == last.events[: len(attempt.events)] for attempt in lives)
    inputs = [record.input_id for record in last.records if record.channel == "i"]
    assert len(inputs) == len(set(inputs)) == 2
    assert [text for text in last.texts("assistant") if text.isdigit()] == [str(number) for number in range(10)]
    assert len(last.payloads(RESULT)) == 1
    assert find_strays([first.invocation.tracking]) == []


@pytest.mark.parametrize("victim", ["keeper", "agent"])
async def test_r16_kill_9_of_keeper_or_agent_at_any_moment_leaves_nothing(
    fault_round: FaultRound, scripted_stage: Stage, victim: str
) -> None:
    attempt = scripted_stage.attempt("daemon 600\nhold-stdout 600\n" + SCRIPT).begin()
    attempt.limits["drain_seconds"] = 0.2
    await attempt.until_count(fault_round.source().randint(3, 60))
    keeper = keeper_process(attempt.directory / "launch-1")
    if victim == "keeper":
        assert keeper
        send_signal(keeper, signal.SIGKILL)
    else:
        os.kill(attempt.agent_pid(), signal.SIGKILL)
    outcome = await attempt.end()
    assert outcome.kind == "failed"
    assert outcome.error_code == ("keeper_lost" if victim == "keeper" else "agent_crashed")
    assert find_strays([attempt.invocation.tracking]) == []
    attempt.assert_tools_are_paired()
    again = scripted_stage.attempt_of(attempt.invocation)
    assert await again.end() == outcome
    assert again.events == attempt.events
