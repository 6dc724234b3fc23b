"""A thousand runners with nothing to do, each with a poll that is held: what polls and heartbeats cost, and how long
from POST /runs until the run has arrived at the one runner among them that fits, or at any when all fit.
"""

import asyncio
import itertools
import os
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from bench import children
from bench.connection import Connection, request, request_head
from bench.databases import Place
from bench.figures import latencies
from bench.processor import Shares, memory_mib
from bench.world import Api, BenchRunner, new_run
from callboard.coordinator.serve import raise_file_limit
from callboard.wire.requests import AdditionalDemands
from callboard.wire.responses import RunCreated
from callboard.wire.runner import Claim, Heartbeat

HEARTS: Final = 10
"""Connections that heartbeats are sent over."""
SPARE_FILES: Final = 256
HELD_AFTER_SECONDS: Final = 0.02
"""By then a runner that had a run polls again."""
ARRIVAL_SECONDS: Final = 30.0
STRIDE: Final = 7


class Amount(msgspec.Struct, frozen=True):
    """How much to measure."""

    runners: int = 1_000
    poll_seconds: float = 30.0
    """A poll is held so long and then sent again."""
    heartbeat_seconds: float = 10.0
    seconds: float = 10.0
    """For each: nothing, polls, polls and heartbeats."""
    wakes: int = 200
    """Runs of each kind, one after another."""


class Polls:
    """The polls of all runners; what arrives is taken, started and completed."""

    def __init__(self, runners: Sequence[BenchRunner], poll_seconds: float) -> None:
        self._runners = runners
        self._poll_seconds = poll_seconds
        self._arrived: dict[str, asyncio.Future[float]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.sent = 0

    def start(self) -> None:
        """The first ones end spread over the time, so that the next ones are too."""
        for number, runner in enumerate(self._runners, 1):
            first = self._poll_seconds * number / len(self._runners)
            self._tasks.append(asyncio.create_task(self._poll(runner, first)))

    def end(self) -> None:
        """Sends no more; raises what a poll failed with."""
        _end(self._tasks)

    async def _poll(self, runner: BenchRunner, first_seconds: float) -> None:
        seconds = first_seconds
        while True:
            self.sent += 1
            claims = await runner.claim(1, seconds)
            now = time.perf_counter()
            for claim in claims:
                self.arrival(claim.run_id).set_result(now)
                await _finish(runner, claim)
            seconds = self._poll_seconds

    def arrival(self, run_id: str) -> asyncio.Future[float]:
        """When a run arrived; it may do so before the answer to its creation."""
        return self._arrived.setdefault(run_id, asyncio.get_running_loop().create_future())


async def _finish(runner: BenchRunner, claim: Claim) -> None:
    await runner.start(claim)
    await runner.complete(claim)


async def measure(place: Place, amount: Amount) -> dict[str, Any]:
    """Cores, memory and the latency of wakes."""
    raise_file_limit(amount.runners + SPARE_FILES)
    with children.coordinator(place.home(), **children.LONG_LEASES) as coordinator:
        memory = {"without_runners": memory_mib(coordinator.pid)}
        cores = {"nothing": await _cores(coordinator, amount.seconds)}
        runners = [await BenchRunner.register(coordinator, f"idle-{number}") for number in range(amount.runners)]
        owner = await Api.open(coordinator.port, coordinator.token)
        polls = Polls(runners, amount.poll_seconds)
        polls.start()
        await _held(owner, amount.runners)
        memory["with_polls"] = memory_mib(coordinator.pid)
        sent = polls.sent
        cores["polls"] = await _cores(coordinator, amount.seconds)
        sent = polls.sent - sent
        beats = await _with_heartbeats(coordinator, runners, amount, cores)
        wakes = await _wakes(owner, polls, amount)
        memory["in_the_end"] = memory_mib(coordinator.pid)
        polls.end()
    counts = {"polls": sent, "heartbeats": beats}
    return {"amount": msgspec.to_builtins(amount), "counts": counts, "cores": cores, "memory": memory} | wakes


async def _cores(coordinator: children.Coordinator, seconds: float) -> dict[str, float]:
    shares, begin = Shares(coordinator.pid, coordinator.database_pid, os.getpid()), time.perf_counter()
    await asyncio.sleep(seconds)
    return shares.over(time.perf_counter() - begin)


async def _held(owner: Api, polls: int) -> None:
    """Waits until the coordinator holds them all, bounded."""
    until = time.perf_counter() + ARRIVAL_SECONDS
    while f"callboard_polls_held {polls}" not in (await owner.call("GET", "/metrics")).decode():
        if time.perf_counter() > until:
            raise RuntimeError(f"{polls} polls were not held in {ARRIVAL_SECONDS} s")
        await asyncio.sleep(HELD_AFTER_SECONDS)


async def _wakes(owner: Api, polls: Polls, amount: Amount) -> dict[str, Any]:
    """Of runs that one runner alone fits, and of runs that all fit."""

    def for_one(number: int) -> AdditionalDemands:
        return AdditionalDemands(hostname=f"idle-{number * STRIDE % amount.runners}")

    one = [await _wake(owner, polls, for_one(number)) for number in range(amount.wakes)]
    any_of_them = [await _wake(owner, polls, None) for _ in range(amount.wakes)]
    return {"wake_of_the_one": latencies(one), "wake_of_any": latencies(any_of_them)}


async def _wake(owner: Api, polls: Polls, demands: AdditionalDemands | None) -> float:
    begin = time.perf_counter()
    answer = await owner.call("POST", "/runs", new_run(additional_demands=demands))
    created = msgspec.json.decode(answer, type=RunCreated)
    arrived = await asyncio.wait_for(polls.arrival(created.run_id), ARRIVAL_SECONDS)
    await asyncio.sleep(HELD_AFTER_SECONDS)
    return arrived - begin


async def _with_heartbeats(
    coordinator: children.Coordinator, runners: Sequence[BenchRunner], amount: Amount, cores: dict[str, Any]
) -> int:
    """Counts the cores with the heartbeats of all runners; how many they were."""
    hearts = [Heart(coordinator.port, runners[place::HEARTS], amount.heartbeat_seconds) for place in range(HEARTS)]
    tasks = [asyncio.create_task(heart.beat()) for heart in hearts if heart.runners]
    cores["polls_and_heartbeats"] = await _cores(coordinator, amount.seconds)
    _end(tasks)
    return sum(heart.beats for heart in hearts)


class Heart:
    """Sends the heartbeats of some runners over one connection, evenly."""

    def __init__(self, port: int, runners: Sequence[BenchRunner], interval_seconds: float) -> None:
        self.runners = runners
        self.beats = 0
        self._port = port
        self._interval_seconds = interval_seconds

    async def beat(self) -> None:
        """Until it is cancelled."""
        connection = await Connection.open("127.0.0.1", self._port)
        begin = time.perf_counter()
        for number in itertools.count():
            due = begin + number * self._interval_seconds / len(self.runners)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            runner = self.runners[number % len(self.runners)]
            body = msgspec.json.encode(Heartbeat(runner_id=runner.runner_id, epoch=runner.epoch))
            head = request_head("POST", "/runner/heartbeat", self._port, runner.api.token)
            status, answer = await connection.ask(request(head, body))
            if status >= 300:
                raise RuntimeError(f"a heartbeat was refused: {status} {answer[:300].decode(errors='replace')}")
            self.beats += 1


def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Ends what should still go on; raises what ended it before."""
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
