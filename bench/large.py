"""Pages of sessions and claims when 100,000 sessions wait with a run each, and what the coordinator takes in memory."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from bench import children
from bench.databases import Place
from bench.figures import latencies, rounded
from bench.filling import class_tag, fill
from bench.processor import Shares, memory_mib
from bench.world import Api, BenchRunner

Ask = Callable[[], Awaitable[None]]


class Amount(msgspec.Struct, frozen=True):
    """How much to fill in and to measure."""

    sessions: int = 100_000
    demand_classes: int = 1_000
    fitting_classes: int = 20
    """Of the classes, those that the runner which claims fits."""
    requests: int = 1_000
    idle_seconds: float = 5.0


class _Page(msgspec.Struct):
    """Of a page only what leads to the next one."""

    next_page: str | None


class Large:
    """Who asks a filled coordinator."""

    def __init__(self, owner: Api, fitting: BenchRunner, foreign: BenchRunner) -> None:
        self._owner = owner
        self._fitting = fitting
        self._foreign = foreign
        self._next_page = ""

    def measures(self) -> dict[str, Ask]:
        """What is asked many times, one after another."""
        return {
            "first_page": lambda: self._get("/sessions"),
            "following_pages": self._following_page,
            "page_of_status": lambda: self._get("/sessions?status=pending"),
            "page_of_runs": lambda: self._get("/runs?status=pending"),
            "claim": self._claim,
            "poll_that_nothing_fits": self._poll_for_nothing,
        }

    async def _get(self, path: str) -> None:
        await self._owner.call("GET", path)

    async def _following_page(self) -> None:
        answer = await self._owner.call("GET", f"/sessions{self._next_page}")
        mark = msgspec.json.decode(answer, type=_Page).next_page
        self._next_page = f"?page={mark}" if mark else ""

    async def _claim(self) -> None:
        if len(await self._fitting.claim(1, 0)) != 1:
            raise RuntimeError("there was no run to claim")

    async def _poll_for_nothing(self) -> None:
        if await self._foreign.claim(1, 0):
            raise RuntimeError("a runner got a run that does not fit it")


async def measure(place: Place, amount: Amount) -> dict[str, Any]:
    """Latencies, and memory before and after."""
    home = place.home()
    begin = time.perf_counter()
    await fill(home, amount.sessions, amount.demand_classes)
    filled = time.perf_counter()
    with children.coordinator(home, **children.LONG_LEASES) as coordinator:
        started = time.perf_counter()
        figures = await _measure(coordinator, amount)
    return {
        "amount": msgspec.to_builtins(amount),
        "filled_per_second": rounded(amount.sessions / (filled - begin)),
        "start_seconds": rounded(started - filled),
        "database_mib": home.size_mib(),
    } | figures


async def _measure(coordinator: children.Coordinator, amount: Amount) -> dict[str, Any]:
    at_start = memory_mib(coordinator.pid)
    tags = [class_tag(number) for number in range(amount.fitting_classes)]
    fitting = await BenchRunner.register(coordinator, "fitting", tags=tags)
    foreign = await BenchRunner.register(coordinator, "foreign")
    large = Large(await Api.open(coordinator.port, coordinator.token), fitting, foreign)
    found = {name: latencies(await _times(ask, amount.requests)) for name, ask in large.measures().items()}
    shares = Shares(coordinator.pid, coordinator.database_pid, os.getpid())
    await asyncio.sleep(amount.idle_seconds)
    return {
        "latencies": found,
        "idle": shares.over(amount.idle_seconds),
        "memory_at_start": at_start,
        "memory_in_the_end": memory_mib(coordinator.pid),
    }


async def _times(ask: Ask, requests: int) -> list[float]:
    seconds = []
    for _ in range(requests):
        begin = time.perf_counter()
        await ask()
        seconds.append(time.perf_counter() - begin)
    return seconds
