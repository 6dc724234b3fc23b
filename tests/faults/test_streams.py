"""Readers of the stream behind bad networks, and readers that do not read: each sees all once, and harms nobody."""

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import psutil
import pytest

from callboard.client import Client, Ready, RetryPolicy, StreamFilter
from callboard.client.stream import follow
from callboard.wire.responses import Event
from tests.conftest import FaultRound
from tests.faults.event_load import EventLoad
from tests.faults.times import LATE
from tests.support.coordinator import Coordinator, until
from tests.support.database import on_both_databases
from tests.support.stream import StreamReader
from tests.support.toxic_proxy import toxic_proxy
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(90)]

CUTS: Final = 12
SLEEPERS: Final = 20
WANTED: Final = 4000
GROWTH_BYTES: Final = 96 << 20


@on_both_databases
@pytest.mark.rounds(1)
def test_r21_a_reader_whose_way_breaks_again_and_again_sees_every_event_once(
    world: World, fault_round: FaultRound
) -> None:
    """R21, R12: cut in the middle of frames, or silently stopped, while events pour in; and once the server dies.

    Our own client goes on by itself and leaves out repeats; the raw reader keeps every frame, so that none is hidden.
    """
    source = fault_round.source()
    coordinator = world.coordinator(**LATE)
    load = EventLoad(world, coordinator, "load", random.Random(source.random()))  # noqa: S311 - sizes, no secrets
    with toxic_proxy(coordinator.url, source) as proxy:
        raw = StreamReader(world._portal, proxy.url, coordinator.token, {}).connect()
        reading = world.meanwhile(lambda: events_until_the_end(proxy.url, coordinator.token, load.session_id))
        for number in range(CUTS):
            wanted = load.posted + source.randint(1, 200)
            until(lambda: load.posted >= wanted, 20, "events are acknowledged")  # noqa: B023 - used at once
            if number == CUTS // 2:
                coordinator.kill()
                coordinator.restart()
            elif source.random() < 0.3:
                proxy.half_open()
                proxy.restore()
            else:
                proxy.cut_now()
            raw.broken()
            raw.connect()
        load.finish()
        log = [event.seq for event in coordinator.events(load.session_id)]
        assert reading.result(60) == log
        raw.until_event("run_completed")
        raw.close()
    assert [event["seq"] for event in raw.events] == log[-len(raw.events) :]
    load.assert_all_there()


def events_until_the_end(url: str, token: str, session_id: str) -> list[int]:
    """The numbers of a session's events, as our own client reads them from the beginning to the run's end."""
    seen: list[int] = []
    with Client(url, token, retry=RetryPolicy(attempts=50)) as client:
        for frame in follow(client, StreamFilter(session_id=session_id), after="0.0.0"):
            if isinstance(frame, Event):
                seen.append(frame.seq)
                if frame.type == "run_completed":
                    return seen
            else:
                assert isinstance(frame, Ready), frame
    raise AssertionError("the stream ended")


def test_r21_readers_that_do_not_read_cost_little_and_delay_nobody(world: World) -> None:
    """R21: they are cut off with bounded memory; a reader beside them reaches what is posted while it is posted."""
    coordinator = world.coordinator(**LATE, stream_slow_seconds=3)
    process = psutil.Process(coordinator.program.pid)
    live = coordinator.stream()
    with ExitStack() as stack:
        sleepers = [stack.enter_context(sleeper(coordinator)) for _ in range(SLEEPERS)]
        before = process.memory_info().rss
        load = EventLoad(world, coordinator, "load", random.Random(1))  # noqa: S311 - sizes, no secrets
        until(lambda: load.posted >= WANTED, 40, "events are acknowledged")
        latest = max(load.acknowledged)
        live.until(lambda: live.events[-1]["seq"] >= latest, 10, "the latest event")
        until(lambda: all(map(is_cut_off, sleepers)), 30, "who does not read is cut off")
        assert process.memory_info().rss - before < GROWTH_BYTES
        load.finish()
    live.until_event("run_completed")
    seen = [event["seq"] for event in live.events if event["session_id"] == load.session_id]
    assert seen == [event.seq for event in coordinator.events(load.session_id)]


@contextmanager
def sleeper(coordinator: Coordinator) -> Iterator[socket.socket]:
    """A connection that asks for the stream and reads nothing of it."""
    host, _, port = coordinator.url.removeprefix("http://").partition(":")
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.connect((host, int(port)))
        made.sendall(
            f"GET /sse/sessions HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Authorization: Bearer {coordinator.token}\r\n\r\n".encode()
        )
        yield made


def is_cut_off(connection: socket.socket) -> bool:
    """Whether the other side has left this connection, without reading what it sent."""
    here = connection.getsockname()
    return not any(
        one.raddr and tuple(one.raddr) == here and one.status == psutil.CONN_ESTABLISHED
        for one in psutil.net_connections("tcp4")
    )
