"""Rounds of kills at moments that a seed chooses: whatever dies, each run ends once, and nothing is told twice."""

import asyncio
import random
from collections import Counter

import pytest

from callboard.wire.responses import RunCreated
from tests.conftest import FaultRound
from tests.runner.programs import Program
from tests.runner.world import World, payload_of, said_by_agent, types_of

RUNS = 4
KILLS = 4
STEPS = 12

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def _script(number: int) -> str:
    steps = "\n".join(f"say {number}.{step}\nsleep 0.1" for step in range(STEPS))
    return f"append began-{number} x\n{steps}\nusage m 1 2 {number + 1}\nresult {number}"


@pytest.mark.timeout(180)
async def test_a41_r18_runners_that_are_killed_at_any_moment_lose_and_repeat_nothing(
    world: World, fault_round: FaultRound
) -> None:
    """A41, R7, R18: kill -9 of the runner again and again while runs are claimed, launched, followed and reported."""
    source = fault_round.source()
    await world.start_coordinator()
    runner = await world.start_runner()
    made = [await world.start_run(_script(number)) for number in range(RUNS)]
    for _ in range(KILLS):
        await world.passes(source.uniform(0.0, 0.8))
        await runner.kill()
        runner = await world.start_runner(joined=True)
    await _check(world, made)


@pytest.mark.timeout(180)
async def test_a37_r12_coordinators_that_are_killed_at_any_moment_lose_and_repeat_nothing(
    world: World, fault_round: FaultRound
) -> None:
    """A37, R12: kill -9 of the coordinator, and of the runner beside it, while events pour in."""
    source = fault_round.source()
    coordinator = await world.start_coordinator()
    runner = await world.start_runner()
    made = [await world.start_run(_script(number)) for number in range(RUNS)]
    for _ in range(KILLS):
        await world.passes(source.uniform(0.0, 0.8))
        coordinator, runner = await _kill_some(world, coordinator, runner, source)
    await _check(world, made)


async def _kill_some(
    world: World, coordinator: Program, runner: Program, source: random.Random
) -> tuple[Program, Program]:
    await coordinator.kill()
    if source.random() < 0.5:
        await runner.kill()
        runner = await world.spawn_runner(joined=True)
    await world.passes(source.uniform(0.0, 0.5))
    return await world.start_coordinator(), runner


async def _check(world: World, made: list[RunCreated]) -> None:
    """Every run completed once, its agent began once for each attempt, and its words arrived once and in order."""
    runs = await asyncio.gather(*(world.ended(one.run_id, 60) for one in made))
    for number, run in enumerate(runs):
        found = await world.events(run.session_id)
        last = [one for one in found if one.attempt == run.attempt]
        assert (run.status, run.result_text) == ("completed", str(number)), run.error
        assert types_of(found).count("run_completed") == 1
        assert [said_by_agent(one) for one in last if said_by_agent(one)] == [
            f"{number}.{step}" for step in range(STEPS)
        ]
        assert [one.seq for one in found] == list(range(1, len(found) + 1))
        assert Counter(one.type for one in found)["run_start"] == run.tries
        assert (world.project / f"began-{number}").read_text().split() == ["x"] * run.tries
        assert payload_of(found[-1])["usage"]["cost_microdollars"] == (number + 1) * run.tries
