"""Forwards HTTP to a coordinator and loses answers: the coordinator has acted, the runner does not know."""

import asyncio
import re
from contextlib import suppress
from typing import Final

_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_NUMBERED: Final = re.compile(rb"(run|ses)_[0-9a-z]{26}")


class LossyProxy:
    """A proxy whose `lost` counts the answers that it swallowed: the first one to each POST route below a run."""

    def __init__(self, url: str) -> None:
        self.url = ""
        self.lost = 0
        self._port = int(url.rpartition(":")[2])
        self._seen: set[bytes] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """End every connection."""
        if self._server:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        with suppress(OSError, asyncio.IncompleteReadError):
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                while await self._one(reader, writer, to_reader, to_writer):
                    pass
            finally:
                to_writer.close()
                writer.close()

    async def _one(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        to_reader: asyncio.StreamReader,
        to_writer: asyncio.StreamWriter,
    ) -> bool:
        """Pass one request and its answer; False when the answer was lost, and the connection with it."""
        request = await _message(reader)
        to_writer.write(request)
        answer = await _message(to_reader)
        route = _NUMBERED.sub(b"*", request.split(b"\r\n", 1)[0])
        if route.startswith(b"POST") and b"*" in route and route not in self._seen:
            self._seen.add(route)
            self.lost += 1
            return False
        writer.write(answer)
        await writer.drain()
        return True


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LENGTH.search(head)
    return head + (await reader.readexactly(int(found[1])) if found else b"")
