"""A lean HTTP/1.1 keep-alive connection for measuring: one request at a time, answers with a Content-Length only.

Knows nothing of what is asked; anything that a general client would do for safety is left out for speed.
"""

import asyncio
from collections.abc import Callable
from typing import Self, cast

OnAnswer = Callable[[int, bytes], None]
"""Gets the status and the body."""


class ConnectionBroke(Exception):
    """The server closed the connection, or sent what is not expected here."""


class Connection(asyncio.Protocol):
    """One connection. Made by `open`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._then: OnAnswer | None = None
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self.broken = False

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        """A connection that is made."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(cls, host, port)
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """Whoever waits for an answer is told."""
        self.broken = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionBroke("the server closed the connection"))

    def send(self, request: bytes, then: OnAnswer) -> None:
        """Sends a whole request; `then` is called with its answer."""
        if self._transport is None:
            raise ConnectionBroke("the connection was never made")
        self._then = then
        self._transport.write(request)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Sends a whole request and returns the status and the body of its answer. ConnectionBroke."""
        waiting = self._waiting = asyncio.get_running_loop().create_future()
        self.send(request, self._answer_waiting)
        return await waiting

    def _answer_waiting(self, status: int, body: bytes) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((status, body))

    def data_received(self, data: bytes) -> None:
        """Takes what came; an answer usually comes in one piece."""
        received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            self._received = received
            return
        body_at = end + 4
        whole_at = body_at + _length_of(received, end)
        if len(received) < whole_at:
            self._received = received
            return
        self._received = b""
        then = self._then
        if then is None:
            raise ConnectionBroke("an answer came that nobody asked for")
        self._then = None
        then(int(received[9:12]), received[body_at:whole_at])

    def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.abort()


def _length_of(received: bytes, end: int) -> int:
    at = received.find(b"content-length: ", 0, end)
    return int(received[at + 16 : received.index(b"\r\n", at)]) if at > 0 else 0


def request_head(method: str, path: str, port: int, token: str) -> bytes:
    """The head of a request, up to the value of its Content-Length."""
    lines = (
        f"{method} {path} HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        f"authorization: Bearer {token}",
        "content-type: application/json",
        "content-length: ",
    )
    return "\r\n".join(lines).encode()


def request(head: bytes, body: bytes = b"") -> bytes:
    """A whole request."""
    return b"%b%d\r\n\r\n%b" % (head, len(body), body)
