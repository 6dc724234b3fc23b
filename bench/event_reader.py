"""A reader of the stream that costs next to nothing: notes which marked event arrived when.

Knows server-sent events only as far as that frames end with an empty line and are never cut by the server's chunks.
"""

import asyncio
import re
import time
from typing import Final, Self, cast

from bench.connection import ConnectionBroke, request, request_head

READY_SECONDS: Final = 60.0
_MARK: Final = re.compile(rb"mark-(\d{12})")
_READY: Final = b"event: ready\n"


def mark(number: int) -> bytes:
    """What an event carries in its text, so that a reader knows it again."""
    return b"mark-%012d" % number


class EventReader(asyncio.Protocol):
    """One open stream. Made by `open`."""

    def __init__(self) -> None:
        self.arrivals: list[tuple[int, float]] = []
        """Which mark arrived when, on the clock of time.perf_counter."""
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closed = False
        self.broken = False

    @classmethod
    async def open(cls, port: int, token: str, query: str = "") -> Self:
        """A stream from now on, whose first frame has come. ConnectionBroke, TimeoutError."""
        transport, reader = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        transport.write(request(request_head("GET", f"/sse/sessions{query}", port, token)))
        await asyncio.wait_for(reader.ready, READY_SECONDS)
        return reader

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """A stream only ends when we end it."""
        self.broken = not self._closed
        if not self.ready.done():
            said = self._received[:300].decode(errors="replace")
            self.ready.set_exception(ConnectionBroke(f"the stream did not begin: {said}"))

    def data_received(self, data: bytes) -> None:
        """Takes what came, up to the end of the last whole frame."""
        received = self._received + data if self._received else data
        end = received.rfind(b"\n\n") + 2
        if end < 2:
            self._received = received
            return
        frames, self._received = received[:end], received[end:]
        if not self.ready.done():
            self._begin(frames)
        now = time.perf_counter()
        for found in _MARK.findall(frames):
            self.arrivals.append((int(found), now))

    def _begin(self, frames: bytes) -> None:
        if frames.startswith(b"HTTP/1.1 200 ") and _READY in frames:
            self.ready.set_result(None)

    def close(self) -> None:
        """Ends the stream."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()
