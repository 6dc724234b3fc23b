"""uvicorn's HTTP protocol with the bounds that it leaves to others, and the transport handed to the application."""

import asyncio
from typing import Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from callboard.coordinator.http.held import TRANSPORT

MAX_HEAD_BYTES: Final = 128 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    arriving_since: float | None = None
    """When the request began that has not arrived whole, on the event loop's clock."""
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection that sends nothing counts as a request that does not arrive."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.arriving_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Takes what came; the address and headers of a request may take up only so much memory."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES + len(data):
                self.send_400_response("The head of the request is too large.")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.arriving_since = self.loop.time()
        self._in_head, self._head_bytes = True, 0
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}

    def on_headers_complete(self) -> None:
        """The address and the headers are here."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is here."""
        super().on_message_complete()
        self.arriving_since = None

    def cut_off_if_stuck(self, now: float, limit_seconds: float) -> None:
        """Cuts the connection when a request has been arriving for too long."""
        if self.arriving_since is not None and now - self.arriving_since > limit_seconds:
            self.transport.abort()
