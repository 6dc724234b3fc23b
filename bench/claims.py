"""How long from POST /runs until the run has arrived at a runner whose poll is held open: in a coordinator that does
nothing else, and in one that stores a steady flow of events and holds many polls meanwhile.
"""

import asyncio
import itertools
import time
from contextlib import AsyncExitStack
from typing import Any, Final

import msgspec

from bench import children
from bench.databases import Place
from bench.figures import latencies
from bench.load import steady_load
from bench.world import Api, BenchRunner, hold_claims, new_run, posts
from callboard.wire.responses import RunCreated
from callboard.wire.runner import Claim

POLL_SECONDS: Final = 30.0
HELD_AFTER_SECONDS: Final = 0.003
"""By then a poll that was sent has been looked at and is held."""


class Amount(msgspec.Struct, frozen=True):
    """How much to measure."""

    runs: int = 1_000
    warm_up_runs: int = 100
    other_polls: int = 63
    """Polls of other runners, which do not fit the runs, held in the busy coordinator."""
    events_per_second: int = 1_000


async def measure(place: Place, amount: Amount) -> dict[str, Any]:
    """The latencies of both."""
    with children.coordinator(place.home(), **children.LONG_LEASES) as coordinator:
        runner = await BenchRunner.register(coordinator)
        owner = await Api.open(coordinator.port, coordinator.token)
        await _arrivals(owner, runner, amount.warm_up_runs)
        idle = await _arrivals(owner, runner, amount.runs)
        async with AsyncExitStack() as stack:
            await _make_busy(stack, coordinator, amount)
            busy = await _arrivals(owner, runner, amount.runs)
    return {"amount": msgspec.to_builtins(amount), "idle": latencies(idle), "busy": latencies(busy)}


async def _arrivals(owner: Api, runner: BenchRunner, runs: int) -> list[float]:
    """Seconds from the request to the arrival of each run, one after another."""
    return [await _arrival(owner, runner) for _ in range(runs)]


async def _arrival(owner: Api, runner: BenchRunner) -> float:
    poll = asyncio.create_task(_claimed(runner))
    await asyncio.sleep(HELD_AFTER_SECONDS)
    begin = time.perf_counter()
    created = msgspec.json.decode(await owner.call("POST", "/runs", new_run()), type=RunCreated)
    claim, arrived = await poll
    if claim.run_id != created.run_id:
        raise RuntimeError(f"{claim.run_id} arrived instead of {created.run_id}")
    await runner.start(claim)
    await runner.complete(claim)
    return arrived - begin


async def _claimed(runner: BenchRunner) -> tuple[Claim, float]:
    claims = await runner.claim(1, POLL_SECONDS)
    return claims[0], time.perf_counter()


async def _make_busy(stack: AsyncExitStack, coordinator: children.Coordinator, amount: Amount) -> None:
    """Until the stack is closed: polls that are held for nothing, and events that are stored."""
    owner = await Api.open(coordinator.port, coordinator.token)
    for number in range(amount.other_polls):
        other = await BenchRunner.register(coordinator, f"idle-{number}", executor_type="command")
        polling = asyncio.create_task(_poll_for_nothing(other))
        stack.callback(polling.cancel)
    writer = await BenchRunner.register(coordinator, "writer", tags=["writer"])
    held = await hold_claims(owner, writer, 16, tag="writer")
    requests = [posts(coordinator.port, writer.api.token, claim, 1, itertools.count(1)) for claim in held]
    await stack.enter_async_context(steady_load(coordinator.port, requests, amount.events_per_second))


async def _poll_for_nothing(runner: BenchRunner) -> None:
    while True:
        if await runner.claim(1, POLL_SECONDS):
            raise RuntimeError("a runner got a run that does not fit it")
