"""Run creations and events a second, durable before the answer, against what HTTP alone and commits alone can do.

Every round measures all of them one after another, so that ratios hold on a machine whose speed changes.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final

import msgspec

from bench import children
from bench.commit_bound import measure_commits
from bench.databases import POSTGRESQL, Place
from bench.figures import median, rounded
from bench.load import Measured, Window, run_load
from bench.world import EVENT, Api, BenchRunner, creations, hold_claims, posts
from callboard.store.postgres import WRITERS
from callboard.wire.runner import Claim

BATCH: Final = 100

Measure = Callable[[], Awaitable[Measured]]


class Amount(msgspec.Struct, frozen=True):
    """How much to measure."""

    clients: int = 64
    rounds: int = 3
    window: Window = Window(0.4, 2.0)


class HttpBound:
    """The bare server, asked the same."""

    def __init__(self, amount: Amount, bare: children.Server, like: "Rates") -> None:
        self._amount = amount
        self._bare = bare
        self._like = like

    def measures(self) -> dict[str, Measure]:
        """What a round measures, in its order."""
        return {
            "creations": lambda: self._load(self._like.creations(self._bare.port)),
            "events": lambda: self._load(self._like.posts(self._bare.port, 1)),
            "batches": lambda: self._load(self._like.posts(self._bare.port, BATCH)),
        }

    async def _load(self, requests: list[Iterator[bytes]]) -> Measured:
        return await run_load(self._bare, requests, self._amount.window)


class Rates:
    """One coordinator on one database, and commits alone on another of its kind."""

    def __init__(self, amount: Amount, place: Place, coordinator: children.Coordinator) -> None:
        self._amount = amount
        self._place = place
        self._coordinator = coordinator
        self._claims: list[Claim] = []
        self._numbers: list[Iterator[int]] = []
        self._token = ""

    async def set_up(self) -> None:
        """A runner that holds one started run for each client."""
        runner = await BenchRunner.register(self._coordinator)
        self._token = runner.api.token
        owner = await Api.open(self._coordinator.port, self._coordinator.token)
        self._claims = await hold_claims(owner, runner, self._amount.clients)
        self._numbers = [itertools.count(1) for _ in self._claims]

    def measures(self) -> dict[str, Measure]:
        """What a round measures, in its order."""
        port = self._coordinator.port
        own: dict[str, Measure] = {
            "commits": lambda: self._commit(1),
            "commits_of_batches": lambda: self._commit(BATCH),
            "creations": lambda: self._load(self.creations(port)),
            "events": lambda: self._load(self.posts(port, 1)),
            "batches": lambda: self._load(self.posts(port, BATCH)),
        }
        if self._place.name == POSTGRESQL:
            own["single_commits"] = lambda: self._commit(1, threads=WRITERS, group=1)
        return own

    async def _load(self, requests: list[Iterator[bytes]]) -> Measured:
        return await run_load(self._coordinator, requests, self._amount.window)

    async def _commit(self, batch: int, **how: int) -> Measured:
        block = "[" + ",".join([EVENT.decode() % 1] * batch) + "]"
        return await measure_commits(self._place.home(), block, self._amount.clients, self._amount.window, **how)

    def creations(self, port: int) -> list[Iterator[bytes]]:
        """Requests of all clients to a server on this port."""
        return [creations(port, self._coordinator.token) for _ in self._claims]

    def posts(self, port: int, batch: int) -> list[Iterator[bytes]]:
        """The same of events."""
        return [
            posts(port, self._token, claim, batch, numbers)
            for claim, numbers in zip(self._claims, self._numbers, strict=True)
        ]


async def measure(places: Sequence[Place], amount: Amount) -> dict[str, Any]:
    """The medians of all rounds and their ratios; every round measures every database."""
    with ExitStack() as stack:
        bare = stack.enter_context(children.server("bench.http_bound"))
        rates = {}
        for place in places:
            coordinator = stack.enter_context(children.coordinator(place.home(), **children.LONG_LEASES))
            rates[place.name] = Rates(amount, place, coordinator)
            await rates[place.name].set_up()
        http = HttpBound(amount, bare, rates[places[0].name])
        measures = {"http": http.measures()} | {name: one.measures() for name, one in rates.items()}
        rounds = [await _round(measures) for _ in range(amount.rounds)]
    figures = {
        kind: {name: summary([one[kind][name] for one in rounds]) for name in named} for kind, named in measures.items()
    }
    return {
        "amount": msgspec.to_builtins(amount),
        "batch": BATCH,
        "http": figures["http"],
        "databases": {name: figures[name] | {"ratios": _ratios(figures[name], figures["http"])} for name in rates},
    }


async def _round(measures: dict[str, dict[str, Measure]]) -> dict[str, dict[str, Measured]]:
    return {kind: {name: await one() for name, one in named.items()} for kind, named in measures.items()}


def summary(rounds: list[Measured]) -> dict[str, Any]:
    """The medians over rounds, in requests; and the rates of each round, to show how far they spread."""
    return {
        "per_second": rounded(median(one.per_second for one in rounds)),
        "per_core_second": rounded(median(one.per_core_second for one in rounds)),
        "per_core_second_of_both": rounded(median(one.per_core_second_of_both for one in rounds)),
        "cores_used": rounded(median(one.processor_seconds / one.seconds for one in rounds)),
        "database_cores_used": rounded(median(one.database_processor_seconds / one.seconds for one in rounds)),
        "event_loop_share": rounded(median(one.event_loop_share for one in rounds)),
        "load_cores_used": rounded(median(one.load_processor_seconds / one.seconds for one in rounds)),
        "p50_ms": rounded(median(one.p50_ms for one in rounds)),
        "p99_ms": rounded(median(one.p99_ms for one in rounds)),
        "rounds_per_core_second": [rounded(one.per_core_second) for one in rounds],
    }


def _ratios(figures: dict[str, dict[str, Any]], http: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Of what HTTP alone does with a core, and of what commits alone do with the cores of both processes."""
    commits = {"creations": "commits", "events": "commits", "batches": "commits_of_batches"}
    of_http = {
        f"{name}_of_http": rounded(figures[name]["per_core_second"] / http[name]["per_core_second"]) for name in commits
    }
    of_commits = {
        f"{name}_of_commits": rounded(
            figures[name]["per_core_second_of_both"] / figures[bound]["per_core_second_of_both"]
        )
        for name, bound in commits.items()
    }
    return of_http | of_commits
