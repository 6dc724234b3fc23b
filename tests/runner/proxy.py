"""A way to the coordinator on which a test can meddle: hold a request back, lose an answer, or answer in its place."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"(run|ses)_[0-9a-z]{26}")

Forward = Callable[[], Awaitable[bytes]]
Meddle = Callable[[str, Forward], Awaitable[bytes | None]]
"""Gets `POST /runner/runs/*/started` and what forwards it; returns the answer, or None to lose it."""


class Proxy:
    """Forwards HTTP to a coordinator and asks `meddle` about every request."""

    def __init__(self, url: str, meddle: Meddle) -> None:
        self.url = ""
        self._meddle = meddle
        self._port = int(url.rpartition(":")[2])
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """End every connection."""
        if self._server:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while await self._one(reader, writer):
                    pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Pass one request and its answer; False when the answer was lost, and the connection with it."""
        request = await _message(reader)
        method, path, _ = request.split(b" ", 2)
        route = _NUMBERED.sub("*", f"{method.decode()} {path.decode().partition('?')[0]}")
        answer = await self._meddle(route, lambda: self._forward(request))
        if answer is None:
            return False
        writer.write(answer)
        await writer.drain()
        return True

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(request)
            return await _message(reader)
        finally:
            writer.close()


def answer(status: int, body: dict[str, Any]) -> bytes:
    """An answer of our own."""
    text = msgspec.json.encode(body)
    kind = b"application/json" if status < 400 else b"application/problem+json"
    head = b"HTTP/1.1 %d Meddled\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (status, kind, len(text))
    return head + text


def problem(status: int, code: str) -> bytes:
    """A refusal of our own."""
    told = {"type": "about:blank", "title": code, "status": status, "detail": f"meddled: {code}", "code": code}
    return answer(status, told | {"request_id": "meddled"})


class Gate:
    """Holds the requests of one route back until it is opened; `reached` is set by the first of them."""

    def __init__(self, ending: str) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self._ending = ending

    async def __call__(self, route: str, forward: Forward) -> bytes | None:
        if route.endswith(self._ending):
            self.reached.set()
            await self.opened.wait()
        return await forward()


class LoseFirstAnswers:
    """Loses the first answer to each kind of report about a run."""

    def __init__(self) -> None:
        self.lost: set[str] = set()

    async def __call__(self, route: str, forward: Forward) -> bytes | None:
        told = await forward()
        if route.startswith("POST") and "*" in route and route not in self.lost:
            self.lost.add(route)
            return None
        return told


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LENGTH.search(head)
    return head + (await reader.readexactly(int(found[1])) if found else b"")
