"""The stream of this process: follows the log once for all readers, and ends readers that may not or cannot go on.

Knows no connection and no hint: it is told when to look, and which tokens have ended.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog

from callboard.coordinator.frames import PING, View, delta_frame, event_frame
from callboard.coordinator.pieces import HERE, HOLD_SECONDS, Pieces
from callboard.coordinator.reader import Bounds, Reader, ReaderToken
from callboard.coordinator.ring import Ring
from callboard.coordinator.services.feed import Cursor, EventFeed
from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError, Unauthenticated, Unavailable
from callboard.domain.piece import Piece

Authenticate = Callable[[str], Awaitable[Caller]]

BATCHES_A_READ: Final = 200
PAGES_AT_ONCE: Final = 32
"""Readers that hold a page of the log in memory at the same time; more wait."""
SECONDS_A_READER: Final = 0.00005
"""What a group costs for one reader: with many of them groups are made larger, so that a core suffices."""
WATCH_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class StreamRules(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of the stream, in seconds and bytes."""

    readers: int = 5000
    group_seconds: float = 0.02
    buffer_bytes: int = 32 * 1024 * 1024
    ping_seconds: float = 15.0
    slow_seconds: float = 10.0
    poll_seconds: float = 1.0
    recheck_seconds: float = 5.0


class Stream:
    """All readers of this process."""

    def __init__(self, feed: EventFeed, authenticate: Authenticate, rules: StreamRules, *, alone: bool = True) -> None:
        """Unless it is alone, it may hear of pieces also from other processes."""
        self.feed = feed
        self.on_wants_pieces: Callable[[bool], None] = _nothing
        """Told when the first reader comes that wants pieces of messages, and when the last has left."""
        self._authenticate = authenticate
        self._rules = rules
        self._readers: set[Reader] = set()
        self._ring: Ring | None = None
        """None while nobody reads: then nothing is followed."""
        self._cursor: Cursor | None = None
        self._alone = alone
        self._pieces = Pieces(alone=alone)
        self._want_pieces = 0
        """How many readers do."""
        self._woken = asyncio.Event()
        self._closing = asyncio.Event()
        self._pages = asyncio.Semaphore(PAGES_AT_ONCE)

    def __len__(self) -> int:
        return len(self._readers)

    def wake(self) -> None:
        """Events were stored: look soon."""
        if self._ring is not None:
            self._woken.set()

    def token_ended(self, token_id: str) -> None:
        """A token was revoked: its readers are ended."""
        self._end([reader for reader in self._readers if reader.token.token_id == token_id])

    def end_all(self) -> None:
        """Ends every reader and takes no more."""
        self._closing.set()
        self._woken.set()
        self._end(list(self._readers))

    def _end(self, readers: list[Reader]) -> None:
        for reader in readers:
            reader.ended = True
        if readers and self._ring is not None:
            self._ring.wake()

    def delta(self, piece: Piece, way: str = HERE) -> None:
        """Passes on a piece of a message to whoever reads now; best effort, dropped when there is too much."""
        if not self._want_pieces:
            return
        loop = asyncio.get_running_loop()
        if self._pieces.add(piece, way, loop.time()):
            self._woken.set()
        else:
            loop.call_later(HOLD_SECONDS, self._woken.set)

    async def open(self, view: View, token: ReaderToken) -> tuple[Reader, Bounds]:
        """A new reader; Unavailable when there are too many, or none is taken any more. Close it in the end."""
        bounds = Bounds(await self.feed.beginning(), await self.feed.end())
        # Nothing is awaited from here on: who comes in after `end_all` would never be ended.
        if self._closing.is_set():
            raise Unavailable("The coordinator is being stopped.", hint="Connect again shortly.")
        if len(self._readers) >= self._rules.readers:
            raise Unavailable(f"{len(self._readers)} readers are connected already.", hint="Connect again later.")
        if self._ring is None:
            self._ring = Ring(self._rules.buffer_bytes, bounds.end)
            self._cursor = bounds.end
        reader = Reader(self.feed, self._ring, view, token, self._pages)
        self._readers.add(reader)
        self._count_wishes(view, 1)
        return reader, bounds

    def close(self, reader: Reader) -> None:
        """A reader has left; after the last one nothing is followed or kept."""
        if reader not in self._readers:
            return
        self._readers.discard(reader)
        self._count_wishes(reader.view, -1)
        if not self._readers:
            self._ring = self._cursor = None

    def _count_wishes(self, view: View, more: int) -> None:
        before = self._want_pieces
        self._want_pieces += more if view.wants_pieces else 0
        if not self._want_pieces:
            self._pieces = Pieces(alone=self._alone)
        if bool(before) is not bool(self._want_pieces):
            self.on_wants_pieces(bool(self._want_pieces))

    async def follow(self) -> None:
        """Reads the log as long as anybody listens; ends with end_all."""
        loop = asyncio.get_running_loop()
        next_ping = loop.time() + self._rules.ping_seconds
        while not self._closing.is_set():
            self._woken.clear()
            try:
                await self._read()
            except CallboardError as error:
                log.warning("the stream cannot read the log", code=error.code, detail=error.detail)
            if loop.time() >= next_ping:
                next_ping = loop.time() + self._rules.ping_seconds
                if self._ring is not None:
                    self._ring.add((), PING)
            await _wait(self._closing, max(self._rules.group_seconds, len(self._readers) * SECONDS_A_READER))
            await _wait(self._woken, self._rules.poll_seconds)

    async def _read(self) -> None:
        """Gives out what is new: first the pieces of messages that wait, then events of the log."""
        if self._ring is not None and (pieces := self._pieces.taken(asyncio.get_running_loop().time())):
            self._ring.add([delta_frame(piece, self.feed.known_lineage(piece.session_id)) for piece in pieces])
        more = True
        while more and self._cursor is not None and not self._closing.is_set():
            ring, page = self._ring, await self.feed.page(self._cursor, BATCHES_A_READ)
            if ring is None or ring is not self._ring:
                return
            self._cursor, more = page.cursor, page.more
            if page.unsettled and not more:
                self._woken.set()
            if page.events:
                self._pieces.stored((found.event for found in page.events), asyncio.get_running_loop().time())
                ring.add([event_frame(event) for event in page.events])

    async def watch(self) -> None:
        """Cuts off readers that take nothing, and ends those whose token is not valid any more; ends with end_all."""
        loop = asyncio.get_running_loop()
        next_check = loop.time() + self._rules.recheck_seconds
        while not self._closing.is_set():
            for reader in list(self._readers):
                reader.cut_off_if_stuck(loop.time(), self._rules.slow_seconds)
            if loop.time() >= next_check:
                next_check = loop.time() + self._rules.recheck_seconds
                await self._recheck_tokens()
            await _wait(self._closing, min(WATCH_SECONDS, self._rules.recheck_seconds))

    async def _recheck_tokens(self) -> None:
        for secret in {reader.token.secret for reader in self._readers}:
            try:
                await self._authenticate(secret)
            except Unauthenticated:
                self._end([reader for reader in self._readers if reader.token.secret == secret])
            except CallboardError as error:
                log.warning("the tokens of the stream cannot be checked", code=error.code)
                return


def _nothing(_: bool) -> None:
    """Nobody is told."""


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
