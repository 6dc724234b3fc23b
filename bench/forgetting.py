"""How long writes of many runners take while old events are forgotten and the database is copied, and without that.

R11 aims at a p99 below 250 ms and at a writer that is never held longer than 100 ms.
"""

import asyncio
import itertools
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Any, Final

import msgspec

from bench import children
from bench.connection import Connection, request, request_head
from bench.databases import Home, Place
from bench.figures import latencies, rounded
from bench.world import TEXT, Api, BenchRunner, hold_claims, posts
from callboard.store.database import Transaction
from callboard.store.events import NewEvent, append
from callboard.wire.runner import Claim

EVENTS_A_BATCH: Final = 10
BATCHES_A_WORK: Final = 200
KEPT_SECONDS: Final = 1
SECONDS_A_DAY: Final = 86_400
OLD_EVENT: Final = NewEvent(type="message", payload=b'{"role":"assistant","text":"' + TEXT.encode() + b'"}')


class Amount(msgspec.Struct, frozen=True):
    """How much there is to forget, and who writes meanwhile."""

    old_events: int = 1_000_000
    runners: int = 200
    events_per_second: int = 1_000
    """Of all runners together, each in a request of its own."""
    seconds: float = 20.0


class Traffic:
    """Runners that each post an event, wait, and post the next; all connections are there beforehand."""

    def __init__(self, amount: Amount, token: str, claims: list[Claim]) -> None:
        self._amount = amount
        self._token = token
        self._claims = claims
        self._numbers = [itertools.count(1) for _ in claims]

    async def seconds_of_writes(self, port: int) -> list[float]:
        """How long each write took, in seconds; RuntimeError when one is refused."""
        requests = [
            posts(port, self._token, claim, 1, numbers)
            for claim, numbers in zip(self._claims, self._numbers, strict=True)
        ]
        connections = [await Connection.open("127.0.0.1", port) for _ in requests]
        until = time.perf_counter() + self._amount.seconds
        pause = len(requests) / self._amount.events_per_second
        taken: list[float] = []
        try:
            async with asyncio.TaskGroup() as group:
                for number, (connection, each) in enumerate(zip(connections, requests, strict=True)):
                    first = pause * number / len(requests)
                    group.create_task(_write(connection, each, first, pause, until, taken))
        finally:
            for connection in connections:
                connection.close()
        return taken


async def _write(
    connection: Connection, requests: Iterator[bytes], first: float, pause: float, until: float, taken: list[float]
) -> None:
    await asyncio.sleep(first)
    while time.perf_counter() < until:
        begin = time.perf_counter()
        status, body = await connection.ask(next(requests))
        taken.append(time.perf_counter() - begin)
        if status >= 300:
            raise RuntimeError(f"a write was refused: {status} {body[:300].decode(errors='replace')}")
        await asyncio.sleep(pause)


async def measure(place: Place, amount: Amount) -> dict[str, Any]:
    """Latencies of both, and what was forgotten and copied in the time of the second."""
    home = place.home()
    with children.coordinator(home, **children.LONG_LEASES) as coordinator:
        runner = await BenchRunner.register(coordinator)
        owner = await Api.open(coordinator.port, coordinator.token)
        (old,) = await hold_claims(owner, runner, 1)
        await runner.complete(old)
        traffic = Traffic(amount, runner.api.token, await hold_claims(owner, runner, amount.runners))
        quiet = await traffic.seconds_of_writes(coordinator.port)
    await _fill(home, old.session_id, amount.old_events)
    forgetting = {"retention_days": KEPT_SECONDS / SECONDS_A_DAY, "retention_sweep_seconds": 0.1}
    with children.coordinator(home, **children.LONG_LEASES, **forgetting) as coordinator:
        async with _copying(home) if home.url is None else nullcontext([]) as copies:
            during = await traffic.seconds_of_writes(coordinator.port)
        told = await _told(coordinator)
    return {
        "amount": msgspec.to_builtins(amount),
        "quiet": latencies(quiet),
        "forgetting": latencies(during),
        "p99_of_quiet": rounded(latencies(during)["p99_ms"] / latencies(quiet)["p99_ms"]),
        "forgotten_batches": round(told["callboard_retention_batches"]),
        "longest_hold_ms": rounded(told["callboard_retention_longest_hold_seconds"] * 1000),
        "copies": len(copies),
    }


async def _fill(home: Home, session_id: str, events: int) -> None:
    """Writes old events into the log of a session that is over."""
    database = await home.open()

    def work(tx: Transaction, batches: int) -> None:
        for _ in range(batches):
            append(tx, session_id, session_id, [OLD_EVENT] * EVENTS_A_BATCH)

    left = events // EVENTS_A_BATCH
    try:
        while left:
            now = min(left, BATCHES_A_WORK)
            await database.write(lambda tx, now=now: work(tx, now))
            left -= now
    finally:
        await database.close()


@asynccontextmanager
async def _copying(home: Home) -> AsyncIterator[list[str]]:
    """While inside, the database is copied again and again; who is inside sees what is copied."""
    copies: list[str] = []
    copying = asyncio.create_task(_copy(home, copies))
    try:
        yield copies
    finally:
        copying.cancel()
        with suppress(asyncio.CancelledError):
            await copying


async def _copy(home: Home, copies: list[str]) -> None:
    for number in itertools.count():
        target = home.directory / f"copy-{number}.db"
        words = ("-m", "callboard", "backup", str(target), "--data-dir", str(home.directory))
        child = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        try:
            _, said = await child.communicate()
            if child.returncode:
                raise RuntimeError(f"a copy failed: {said.decode(errors='replace')[-500:]}")
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        copies.append(target.name)
        await asyncio.to_thread(target.unlink)


async def _told(coordinator: children.Coordinator) -> dict[str, float]:
    """What the coordinator counts of its forgetting."""
    connection = await Connection.open("127.0.0.1", coordinator.port)
    _, page = await connection.ask(request(request_head("GET", "/metrics", coordinator.port, coordinator.token), b""))
    connection.close()
    found = re.findall(r"^(callboard_retention_\w+) (\S+)$", page.decode(), re.MULTILINE)
    return {name: float(value) for name, value in found}
