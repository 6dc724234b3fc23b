"""Run creations and events a second, durable before the answer, against what HTTP alone and commits alone can do.

Every round measures all of them one after another, so that ratios hold on a machine whose speed changes.
"""

import itertools
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import children
from bench.commit_bound import measure_commits
from bench.figures import median, rounded
from bench.load import Measured, Window, run_load
from bench.world import EVENT, Api, BenchRunner, creations, hold_claims, posts
from callboard.wire.runner import Claim

BATCH: Final = 100

Measure = Callable[[], Awaitable[Measured]]


class Amount(msgspec.Struct, frozen=True):
    """How much to measure."""

    clients: int = 64
    rounds: int = 5
    window: Window = Window(0.5, 3.0)


class Rates:
    """One coordinator and one bare server, both measured in turn from this process."""

    def __init__(
        self, amount: Amount, directory: Path, bare: children.Server, coordinator: children.Coordinator
    ) -> None:
        self._amount = amount
        self._directory = directory
        self._bare = bare
        self._coordinator = coordinator
        self._claims: list[Claim] = []
        self._numbers: list[Iterator[int]] = []
        self._token = ""
        self._files = itertools.count()

    async def set_up(self) -> None:
        """A runner that holds one started run for each client."""
        runner = await BenchRunner.register(self._coordinator)
        self._token = runner.api.token
        owner = await Api.open(self._coordinator.port, self._coordinator.token)
        self._claims = await hold_claims(owner, runner, self._amount.clients)
        self._numbers = [itertools.count(1) for _ in self._claims]

    def measures(self) -> dict[str, Measure]:
        """What a round measures, in its order."""
        return {
            "http_creations": lambda: self._load(self._bare, self._creations(self._bare.port)),
            "http_events": lambda: self._load(self._bare, self._posts(self._bare.port, 1)),
            "http_batches": lambda: self._load(self._bare, self._posts(self._bare.port, BATCH)),
            "commits": lambda: self._commit(1),
            "commits_of_batches": lambda: self._commit(BATCH),
            "creations": lambda: self._load(self._coordinator, self._creations(self._coordinator.port)),
            "events": lambda: self._load(self._coordinator, self._posts(self._coordinator.port, 1)),
            "batches": lambda: self._load(self._coordinator, self._posts(self._coordinator.port, BATCH)),
        }

    async def _load(self, server: children.Server | children.Coordinator, requests: list[Iterator[bytes]]) -> Measured:
        return await run_load(server.port, server.pid, requests, self._amount.window)

    async def _commit(self, batch: int) -> Measured:
        block = "[" + ",".join([EVENT.decode() % 1] * batch) + "]"
        path = self._directory / f"commits-{next(self._files)}.db"
        return await measure_commits(path, block, self._amount.clients, os.getpid(), self._amount.window)

    def _creations(self, port: int) -> list[Iterator[bytes]]:
        return [creations(port, self._coordinator.token) for _ in self._claims]

    def _posts(self, port: int, batch: int) -> list[Iterator[bytes]]:
        return [
            posts(port, self._token, claim, batch, numbers)
            for claim, numbers in zip(self._claims, self._numbers, strict=True)
        ]


async def measure(directory: Path, amount: Amount) -> dict[str, Any]:
    """The medians of all rounds and their ratios."""
    with (
        children.server("bench.http_bound") as bare,
        children.coordinator(directory / "rates", **children.LONG_LEASES) as coordinator,
    ):
        rates = Rates(amount, directory, bare, coordinator)
        await rates.set_up()
        measures = rates.measures()
        rounds: dict[str, list[Measured]] = {name: [] for name in measures}
        for _ in range(amount.rounds):
            for name, one in measures.items():
                rounds[name].append(await one())
    return {"amount": msgspec.to_builtins(amount), "batch": BATCH} | _figures(rounds)


def _figures(rounds: dict[str, list[Measured]]) -> dict[str, Any]:
    figures = {name: summary(found) for name, found in rounds.items()}
    return {"figures": figures, "ratios": _ratios(figures)}


def summary(rounds: list[Measured]) -> dict[str, Any]:
    """The medians over rounds, in requests; and the rates of each round, to show how far they spread."""
    return {
        "per_second": rounded(median(one.per_second for one in rounds)),
        "per_core_second": rounded(median(one.per_core_second for one in rounds)),
        "cores_used": rounded(median(one.processor_seconds / one.seconds for one in rounds)),
        "event_loop_share": rounded(median(one.event_loop_share for one in rounds)),
        "load_cores_used": rounded(median(one.load_processor_seconds / one.seconds for one in rounds)),
        "p50_ms": rounded(median(one.p50_ms for one in rounds)),
        "p99_ms": rounded(median(one.p99_ms for one in rounds)),
        "rounds_per_core_second": [rounded(one.per_core_second) for one in rounds],
    }


def _ratios(figures: dict[str, dict[str, Any]]) -> dict[str, float]:
    bounds = {
        "creations": ("http_creations", "commits"),
        "events": ("http_events", "commits"),
        "batches": ("http_batches", "commits_of_batches"),
    }
    return {
        f"{name}_of_{bound}": rounded(figures[name]["per_core_second"] / figures[bound]["per_core_second"])
        for name, pair in bounds.items()
        for bound in pair
    }
