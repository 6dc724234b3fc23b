"""Load from many connections at once, each sending its next request when its last answer is whole.

Counts what falls into a window after a warm-up, with the server's processor time in it. Knows no routes.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from bench.children import Coordinator, Server
from bench.connection import Connection
from bench.figures import percentile
from bench.processor import FamilyTime, ProcessorTime

MAX_LATENCIES: Final = 2_000_000
TICK_SECONDS: Final = 0.01
"""What processor time is counted in."""


class Window(msgspec.Struct, frozen=True):
    """How long to measure, in seconds."""

    warm_up_seconds: float
    seconds: float


class Measured(msgspec.Struct, frozen=True):
    """What one window saw. Rates are requests; times are of the server unless named otherwise."""

    requests: int
    seconds: float
    processor_seconds: float
    event_loop_seconds: float
    """Of the processor time the main thread's part; the rest is the database's threads."""
    database_processor_seconds: float
    """Of the database's own server; nothing where there is none."""
    load_processor_seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Requests a second of wall time."""
        return self.requests / self.seconds

    @property
    def per_core_second(self) -> float:
        """Requests a second of the server's processor time: what one core could do if it did nothing else."""
        return self.requests / max(self.processor_seconds, TICK_SECONDS)

    @property
    def per_core_second_of_both(self) -> float:
        """The same with the processor time of the database's server."""
        return self.requests / max(self.processor_seconds + self.database_processor_seconds, TICK_SECONDS)

    @property
    def event_loop_share(self) -> float:
        """The main thread's part of the processor time."""
        return self.event_loop_seconds / max(self.processor_seconds, TICK_SECONDS)


class _Sender:
    """One connection and its endless requests."""

    def __init__(self, load: "_Load", connection: Connection, requests: Iterator[bytes]) -> None:
        self._load = load
        self._connection = connection
        self._requests = requests
        self._sent_at = 0.0

    def next(self) -> None:
        """Sends the next request."""
        self._sent_at = time.perf_counter()
        self._connection.send(next(self._requests), self._answered)

    def _answered(self, status: int, body: bytes) -> None:
        self._load.count(status, body, time.perf_counter() - self._sent_at)
        if not self._load.over:
            self.next()


class _Load:
    """What all connections count together."""

    def __init__(self) -> None:
        self.over = False
        self.counting = False
        self.latencies: list[float] = []
        self.refusal = ""

    def count(self, status: int, body: bytes, seconds: float) -> None:
        """An answer came."""
        if status >= 300 and not self.refusal:
            self.refusal = f"{status}: {body[:300].decode(errors='replace')}"
        if self.counting and len(self.latencies) < MAX_LATENCIES:
            self.latencies.append(seconds)


async def run_load(server: Server | Coordinator, requests: Sequence[Iterator[bytes]], window: Window) -> Measured:
    """Sends from as many connections as there are iterators; RuntimeError when a request is refused."""
    load = _Load()
    connections = [await Connection.open("127.0.0.1", server.port) for _ in requests]
    try:
        for connection, each in zip(connections, requests, strict=True):
            _Sender(load, connection, each).next()
        await asyncio.sleep(window.warm_up_seconds)
        measured = await _measure(load, server, window.seconds)
    finally:
        load.over = True
        for connection in connections:
            connection.close()
    broken = sum(connection.broken for connection in connections)
    if load.refusal or broken:
        raise RuntimeError(f"the load was refused: {load.refusal or f'{broken} connections broke'}")
    return measured


async def _measure(load: _Load, server: Server | Coordinator, seconds: float) -> Measured:
    theirs, ours, database = ProcessorTime(server.pid), ProcessorTime(os.getpid()), FamilyTime(server.database_pid)
    load.counting = True
    begin = time.perf_counter()
    await asyncio.sleep(seconds)
    load.counting = False
    took = time.perf_counter() - begin
    spent, loop_spent = theirs.since()
    return Measured(
        requests=len(load.latencies),
        seconds=took,
        processor_seconds=spent,
        event_loop_seconds=loop_spent,
        database_processor_seconds=database.since(),
        load_processor_seconds=ours.since()[0],
        p50_ms=percentile(load.latencies, 50) * 1000,
        p99_ms=percentile(load.latencies, 99) * 1000,
    )


@asynccontextmanager
async def steady_load(port: int, requests: Sequence[Iterator[bytes]], per_second: float) -> AsyncIterator[None]:
    """While inside, each iterator's requests are sent over its own connection, all together so many a second."""
    pause = len(requests) / per_second
    senders = [asyncio.create_task(_send_steadily(port, each, pause)) for each in requests]
    try:
        yield
        for sender in senders:
            if sender.done():
                sender.result()
    finally:
        for sender in senders:
            sender.cancel()


async def _send_steadily(port: int, requests: Iterator[bytes], pause_seconds: float) -> None:
    connection = await Connection.open("127.0.0.1", port)
    for each in requests:
        status, body = await connection.ask(each)
        if status >= 300:
            raise RuntimeError(f"the load was refused: {status} {body[:300].decode(errors='replace')}")
        await asyncio.sleep(pause_seconds)
