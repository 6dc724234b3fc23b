"""A thousand readers at once: all see every event, in order, and the memory of the process is bounded."""

import asyncio
import re
import resource
from pathlib import Path

import pytest

from tests.http.world import Coordinator, PlayedRunner, event, serving

READERS = 1000
BATCHES = 40

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


class Counter(asyncio.Protocol):
    """A connection to the stream that notes the numbers of the events that come."""

    def __init__(self, head: bytes, arrived: asyncio.Event) -> None:
        self.seqs: list[int] = []
        self.ready = False
        self._head = head
        self._arrived = arrived
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the stream."""
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        """Takes whole messages; what is cut waits for its rest."""
        whole, _, self._rest = (self._rest + data).rpartition(b"\n\n")
        self.ready |= b"event: ready" in whole
        self.seqs += [int(number) for number in re.findall(rb'"seq":(\d+)', whole)]
        self._arrived.set()


async def until(arrived: asyncio.Event, counters: list[Counter], wanted: int | None) -> None:
    """Until every reader is ready, or has seen the wanted number."""
    while not all(
        counter.ready if wanted is None else counter.seqs and counter.seqs[-1] == wanted for counter in counters
    ):
        arrived.clear()
        await asyncio.wait_for(arrived.wait(), 30)


async def read_all(coordinator: Coordinator, runner: PlayedRunner) -> list[Counter]:
    """Connects everybody, posts, and waits until everybody has seen the last event."""
    host, port = coordinator.url.removeprefix("http://").split(":")
    head = f"GET /sse/sessions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {coordinator.owner}\r\n\r\n".encode()
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    attempt = runner.begin()
    counters: list[Counter] = []
    transports = []
    for _ in range(READERS):
        transport, counter = await loop.create_connection(lambda: Counter(head, arrived), host, int(port))
        counters.append(counter)
        transports.append(transport)
    await until(arrived, counters, None)
    last = 0
    for number in range(BATCHES):
        posted = await asyncio.to_thread(runner.post, attempt, *(event(number * 10 + index) for index in range(5)))
        last = posted.json()["seqs"][-1]
    await until(arrived, counters, last)
    for transport in transports:
        transport.abort()
    return counters


def test_a_thousand_readers_see_every_event_in_order(tmp_path: Path, database: dict[str, str]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 3 * READERS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3 * READERS, hard))
    with serving(tmp_path / "data", **database) as coordinator:
        runner = coordinator.register()
        counters = asyncio.run(read_all(coordinator, runner))
        for counter in counters:
            assert counter.seqs == list(range(counter.seqs[0], counter.seqs[0] + 5 * BATCHES))
        resident = int((Path("/proc") / str(coordinator.process.pid) / "statm").read_text().split()[1]) * 4096
        assert resident < 300_000_000
