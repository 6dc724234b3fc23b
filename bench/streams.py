"""Many readers of the stream, each of its own session, and some of everything, while events are posted steadily.

What they cost, how late an event arrives after its POST was sent, and whether each reader got each event once.
"""

import asyncio
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from bench import children
from bench.connection import Connection, request, request_head
from bench.databases import Place
from bench.event_reader import EventReader, mark
from bench.figures import latencies
from bench.processor import Shares, memory_mib
from bench.world import EVENT, TEXT, Api, BenchRunner, hold_claims
from callboard.coordinator.serve import raise_file_limit
from callboard.wire.runner import Claim

POSTERS: Final = 10
OPENED_AT_ONCE: Final = 50
SPARE_FILES: Final = 256
ARRIVAL_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.02
_TEXT: Final = TEXT.encode()


class Amount(msgspec.Struct, frozen=True):
    """How much to measure."""

    sessions: int = 1_000
    """Each with one reader of its own."""
    readers_of_everything: int = 50
    events_per_second: int = 100
    """Of all sessions together, one a request."""
    seconds: float = 10.0
    """For each: events without readers, readers without events, both."""


class Readers(msgspec.Struct):
    """All open streams."""

    own: dict[str, EventReader]
    """By session."""
    of_everything: list[EventReader]

    @property
    def all(self) -> list[EventReader]:
        """Of both kinds."""
        return [*self.own.values(), *self.of_everything]


class Events:
    """Posts events to the sessions in turn, and remembers which was sent when."""

    def __init__(self, port: int, token: str, claims: Sequence[Claim], per_second: float) -> None:
        self.sent: dict[int, float] = {}
        """When which mark was sent, on the clock of time.perf_counter."""
        self.of_session: dict[str, list[int]] = defaultdict(list)
        self._port = port
        self._token = token
        self._claims = claims
        self._per_second = per_second
        self._first = 1

    async def post(self, seconds: float) -> None:
        """Posts for so long; returns when every answer is there."""
        count = round(seconds * self._per_second)
        numbers = range(self._first, self._first + count)
        self._first += count
        begin = time.perf_counter()
        await asyncio.gather(*(self._post(numbers[place::POSTERS], numbers[0], begin) for place in range(POSTERS)))

    async def _post(self, numbers: Sequence[int], first: int, begin: float) -> None:
        """One connection's part, each at its time."""
        connection = await Connection.open("127.0.0.1", self._port)
        for number in numbers:
            due = begin + (number - first) / self._per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            claim = self._claims[number % len(self._claims)]
            body = self._request(claim, number)
            self.of_session[claim.session_id].append(number)
            self.sent[number] = time.perf_counter()
            status, answer = await connection.ask(body)
            if status >= 300:
                raise RuntimeError(f"an event was refused: {status} {answer[:300].decode(errors='replace')}")
        connection.close()

    def _request(self, claim: Claim, number: int) -> bytes:
        event = (EVENT % number).replace(_TEXT, mark(number) + b" " + _TEXT)
        body = b'{"run_id":"%b","attempt":%d,"events":[%b]}' % (claim.run_id.encode(), claim.attempt, event)
        return request(request_head("POST", f"/sessions/{claim.session_id}/events", self._port, self._token), body)


async def measure(place: Place, amount: Amount) -> dict[str, Any]:
    """Cores, lag, memory, and what is missing or came twice."""
    raise_file_limit(amount.sessions + amount.readers_of_everything + SPARE_FILES)
    with children.coordinator(place.home(), **children.LONG_LEASES) as coordinator:
        runner = await BenchRunner.register(coordinator)
        owner = await Api.open(coordinator.port, coordinator.token)
        claims = await hold_claims(owner, runner, amount.sessions)
        events = Events(coordinator.port, runner.api.token, claims, amount.events_per_second)
        figures = await _measure(coordinator, claims, events, amount)
    return {"amount": msgspec.to_builtins(amount)} | figures


async def _measure(
    coordinator: children.Coordinator, claims: Sequence[Claim], events: Events, amount: Amount
) -> dict[str, Any]:
    memory = {"without_readers": memory_mib(coordinator.pid)}
    without = await _cores(coordinator, lambda: events.post(amount.seconds))
    events.sent.clear()
    events.of_session.clear()
    readers = await _open(coordinator, claims, amount)
    memory["with_readers"] = memory_mib(coordinator.pid)
    idle = await _cores(coordinator, lambda: asyncio.sleep(amount.seconds))
    busy = await _cores(coordinator, lambda: events.post(amount.seconds))
    await _arrived(readers, events)
    memory["in_the_end"] = memory_mib(coordinator.pid)
    for reader in readers.all:
        reader.close()
    return {
        "cores": {"events_without_readers": without, "readers_without_events": idle, "both": busy},
        "lag_of_own": latencies(_lags(readers.own.values(), events)),
        "lag_of_everything": latencies(_lags(readers.of_everything, events)),
        "memory": memory,
    } | _faults(readers, events)


async def _cores(coordinator: children.Coordinator, work: Callable[[], Any]) -> dict[str, float]:
    shares, begin = Shares(coordinator.pid, coordinator.database_pid, os.getpid()), time.perf_counter()
    await work()
    return shares.over(time.perf_counter() - begin)


async def _open(coordinator: children.Coordinator, claims: Sequence[Claim], amount: Amount) -> Readers:
    ids = [claim.session_id for claim in claims]
    own: list[EventReader] = []
    for first in range(0, len(ids), OPENED_AT_ONCE):
        own += await asyncio.gather(
            *(
                EventReader.open(coordinator.port, coordinator.token, f"?session_id={session_id}")
                for session_id in ids[first : first + OPENED_AT_ONCE]
            )
        )
    of_everything = [
        await EventReader.open(coordinator.port, coordinator.token) for _ in range(amount.readers_of_everything)
    ]
    return Readers(dict(zip(ids, own, strict=True)), of_everything)


async def _arrived(readers: Readers, events: Events) -> None:
    """Waits until every reader has as many events as it should get, bounded."""
    until = time.perf_counter() + ARRIVAL_SECONDS
    while time.perf_counter() < until:
        missing = any(len(reader.arrivals) < len(wanted) for reader, wanted in _wanted(readers, events))
        if not missing:
            return
        await asyncio.sleep(LOOK_SECONDS)


def _wanted(readers: Readers, events: Events) -> list[tuple[EventReader, list[int]]]:
    """What each reader should have got."""
    own = [(reader, events.of_session.get(session_id, [])) for session_id, reader in readers.own.items()]
    return own + [(reader, list(events.sent)) for reader in readers.of_everything]


def _lags(readers: Any, events: Events) -> list[float]:
    return [at - events.sent[number] for reader in readers for number, at in reader.arrivals if number in events.sent]


def _faults(readers: Readers, events: Events) -> dict[str, int]:
    """How many events readers should have got, got, missed, got twice or got though they were not theirs."""
    found = Counter(dict.fromkeys(("wanted", "arrived", "missing", "repeated", "foreign", "out_of_order"), 0))
    for reader, wanted in _wanted(readers, events):
        got = [number for number, _ in reader.arrivals]
        found["wanted"] += len(wanted)
        found["arrived"] += len(got)
        found["missing"] += len(set(wanted) - set(got))
        found["foreign"] += len(set(got) - set(wanted))
        found["repeated"] += len(got) - len(set(got))
    for session_id, reader in readers.own.items():
        found["out_of_order"] += [number for number, _ in reader.arrivals] != events.of_session.get(session_id, [])
    return {"events": len(events.sent), **found, "broken": sum(reader.broken for reader in readers.all)}
