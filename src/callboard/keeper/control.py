"""The socket on which a runner gives orders: lines of JSON both ways, one connection at a time, the newest wins.

Knows no order by name; it never waits for the other side and holds back no more than a bounded amount.
"""

import json
import selectors
import socket
from collections.abc import Callable
from typing import Any, Final

from callboard.keeper import SOCKET

CHUNK_BYTES: Final = 1 << 16
MAX_BUFFERED_BYTES: Final = 64 << 20


class Control:
    """The listening socket and its present connection. `answer` gets an order and returns the reply."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        answer: Callable[[dict[str, Any]], dict[str, Any]],
        changed: Callable[[bool], None],
    ) -> None:
        self._selector = selector
        self._answer = answer
        self._changed = changed
        self._runner: socket.socket | None = None
        self._received = b""
        self._replies = b""
        self._noticed = -1
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(SOCKET)  # relative: the path of the directory may be longer than an address
        self._listener.listen()
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def notice(self, offset: int) -> None:
        """Tells a connected runner how long the journal is, unless it has not read the last notice yet."""
        if self._runner and not self._replies and offset != self._noticed:
            self._noticed = offset
            self._say({"offset": offset})

    def close(self) -> None:
        """Ends the connection; what it has not read is lost, and stands in the journal."""
        self._listener.close()
        if self._runner:
            self._runner.close()

    def _accept(self) -> None:
        runner, _ = self._listener.accept()
        if self._runner:
            self._say({"replaced": True})
            self._hang_up()
        runner.setblocking(False)
        self._runner = runner
        self._noticed = -1
        self._selector.register(runner, selectors.EVENT_READ, self._converse)
        self._changed(True)

    def _hang_up(self) -> None:
        if self._runner:
            self._selector.unregister(self._runner)
            self._runner.close()
        self._runner = None
        self._received = self._replies = b""
        self._changed(False)

    def _converse(self) -> None:
        if self._runner is None:
            return
        self._send()
        try:
            data = self._runner.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._say(self._reply_to(line))
        if not data or len(self._received) > MAX_BUFFERED_BYTES:
            self._hang_up()

    def _reply_to(self, line: bytes) -> dict[str, Any]:
        try:
            order = json.loads(line)
            return self._answer(order)
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            return {"ok": False, "error": "bad_order", "message": repr(problem)}

    def _say(self, message: dict[str, Any]) -> None:
        self._replies += json.dumps(message).encode() + b"\n"
        self._send()

    def _send(self) -> None:
        if self._runner is None:
            return
        try:
            self._replies = self._replies[self._runner.send(self._replies) :] if self._replies else b""
        except BlockingIOError:
            pass
        except OSError:
            self._replies = b""  # it hung up; reading tells the rest
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._replies else 0)
        self._selector.modify(self._runner, events, self._converse)
