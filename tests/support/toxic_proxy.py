"""A way to a coordinator that loses, cuts, doubles, delays and adds to what passes, or leads nowhere at all.

Knows HTTP only so far as to tell where one request or answer ends; what does not end is passed on as it comes.
"""

import asyncio
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal, NamedTuple, get_args

import msgspec
from anyio.from_thread import BlockingPortal, start_blocking_portal

Fate = Literal["lose_request", "lose_answer", "cut_answer", "twice", "again_later", "late"]
FATES: Final[tuple[Fate, ...]] = get_args(Fate)
LATE_SECONDS: Final = 0.3
CHUNK_BYTES: Final = 65_536
MAX_KEPT: Final = 20
_LENGTH: Final = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_ENDLESS: Final = re.compile(rb"^transfer-encoding:", re.IGNORECASE | re.MULTILINE)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Passage(NamedTuple):
    """A connection through us; nothing passes while its way is closed."""

    client: Streams
    server: Streams
    way: asyncio.Event


class ToxicProxy:
    """`toxins` says how likely each fate is for a request; `counts` how often each came. Made by `toxic_proxy`.

    Only requests whose line has `only` in it meet with a fate. With `newer` every JSON answer has fields that nobody
    knows yet.
    """

    def __init__(self, portal: BlockingPortal, target: str, source: random.Random) -> None:
        self.url = ""
        self.counts: dict[Fate, int] = dict.fromkeys(FATES, 0)
        self.toxins: Mapping[Fate, float] = {}
        self.only = b""
        self.newer = False
        self._portal = portal
        self._target = int(target.rpartition(":")[2])
        self._source = source
        self._connections: set[asyncio.Task[None]] = set()
        self._later: list[bytes] = []
        self._way = asyncio.Event()
        self._refusing = False

    # ------------------------------------------------------------------ what a test does with it

    def refuse(self) -> None:
        """Cut the way: connections break, and new ones break at once."""
        self._portal.call(self._close, True, False)

    def half_open(self) -> None:
        """Cut the way and tell nobody: connections stay, but nothing passes any more."""
        self._portal.call(self._close, False, False)

    def restore(self) -> None:
        """Open the way again; connections of before break."""
        self._portal.call(self._close, False, True)

    def forget(self) -> None:
        """As a router that is restarted: nothing passes on connections of before, and nobody is told; new ones work."""
        self._portal.call(self._forget)

    def cut_now(self) -> None:
        """Break every connection; the next one is fine."""
        self._portal.call(self._close, False, True)

    async def _close(self, refusing: bool, open_way: bool) -> None:
        if open_way:
            self._way.set()
        else:
            self._way.clear()
        self._refusing = refusing
        if refusing or open_way:
            for task in tuple(self._connections):
                task.cancel()

    async def _forget(self) -> None:
        self._way.clear()
        self._way = asyncio.Event()
        self._way.set()

    # ------------------------------------------------------------------ what passes

    async def open(self) -> asyncio.Server:
        """Begin to listen."""
        self._way.set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def close(self, server: asyncio.Server) -> None:
        """End everything."""
        server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._refusing:
            writer.transport.abort()
            return
        self._connections.add(task)
        try:
            await self._connected((reader, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _connected(self, client: Streams) -> None:
        passage = Passage(client, await asyncio.open_connection("127.0.0.1", self._target), self._way)
        try:
            while await self._one(await _message(client[0]), passage):
                pass
        finally:
            passage.server[1].close()

    def _fate(self, request: bytes) -> Fate | None:
        drawn = self._source.random()
        wanted = self.only in request.partition(b"\r\n")[0]
        for fate, share in self.toxins.items() if wanted else ():
            drawn -= share
            if drawn < 0:
                self.counts[fate] += 1
                return fate
        return None

    async def _one(self, request: bytes, passage: Passage) -> bool:
        """One request and its answer; False when the connection is over."""
        await passage.way.wait()
        fate = self._fate(request)
        if fate == "lose_request":
            return False
        if fate == "late":
            await _pause(LATE_SECONDS)
        answer = await self._answered(request, passage)
        if answer is None or fate == "lose_answer":
            return False
        if fate == "twice":
            answer = self._source.choice((answer, await self._answered(request, passage) or answer))
        await self._send_what_was_kept()
        if fate == "again_later" and len(self._later) < MAX_KEPT:
            self._later.append(request)
        await passage.way.wait()
        writer = passage.client[1]
        writer.write(answer[: len(answer) // 2] if fate == "cut_answer" else answer)
        await writer.drain()
        return fate != "cut_answer"

    async def _answered(self, request: bytes, passage: Passage) -> bytes | None:
        """The answer; None when it has no end and was passed on until one side was gone."""
        (_, writer), (reader, server) = passage.client, passage.server
        server.write(request)
        await server.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        if not _ENDLESS.search(head):
            answer = head + await _body(head, reader)
            return _with_more(answer) if self.newer else answer
        writer.write(head)
        while data := await reader.read(CHUNK_BYTES):
            await passage.way.wait()
            writer.write(data)
            await writer.drain()
        return None

    async def _send_what_was_kept(self) -> None:
        """Requests that somebody sent long ago arrive once more, behind later ones; nobody reads the answers."""
        kept, self._later = self._later, []
        for request in kept:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                writer.write(request)
                await _message(reader)
            finally:
                writer.close()


@contextmanager
def toxic_proxy(target: str, source: random.Random) -> Iterator[ToxicProxy]:
    """A proxy to the coordinator with this URL; harmless until it has toxins."""
    with start_blocking_portal("asyncio") as portal:
        proxy = ToxicProxy(portal, target, source)
        server = portal.call(proxy.open)
        try:
            yield proxy
        finally:
            portal.call(proxy.close, server)


def _with_more(answer: bytes) -> bytes:
    """A JSON answer with unknown fields in every object of it; another answer as it is."""
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return answer
    text = msgspec.json.encode(_future(value))
    return _LENGTH.sub(b"content-length: %d" % len(text), head) + b"\r\n\r\n" + text


def _future(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _future(child) for name, child in value.items()} | {"from_the_future": [{"at": 1}]}
    return [_future(child) for child in value] if isinstance(value, list) else value


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await _body(head, reader)


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    found = _LENGTH.search(head)
    return await reader.readexactly(int(found[1])) if found else b""


async def _pause(seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
