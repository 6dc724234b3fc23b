"""One reader of the stream: catches up from the log, then takes the newest groups, without gap or duplicate.

Knows no connection: whoever asks for chunks writes them, at its own pace.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final, NamedTuple

from callboard.coordinator.frames import View, event_frame, gap, ready
from callboard.coordinator.ring import Ring, join, split
from callboard.coordinator.services.feed import Cursor, EventFeed

BATCHES_A_PAGE: Final = 100


class ReaderToken(NamedTuple):
    """The token that a stream was opened with."""

    token_id: str
    secret: str


class Bounds(NamedTuple):
    """What is there of the log when a reader comes."""

    beginning: Cursor
    """Behind this place nothing was forgotten."""
    end: Cursor


class Reader:
    """One open stream."""

    def __init__(self, feed: EventFeed, ring: Ring, view: View, token: ReaderToken, pages: asyncio.Semaphore) -> None:
        self.token = token
        self.view = view
        self.ended = False
        """True when no more may be sent; the ring is woken with it."""
        self.abort: Callable[[], None] = _nothing
        """Cuts the connection; set by whoever writes."""
        self.sending_since: float | None = None
        """When the write began that is not done yet, on the loop's clock."""
        self._feed = feed
        self._ring = ring
        self._pages = pages

    def cut_off_if_stuck(self, now: float, limit_seconds: float) -> None:
        """Cuts the connection when one write has taken too long."""
        if self.sending_since is not None and now - self.sending_since > limit_seconds:
            self.ended = True
            self.abort()

    async def chunks(self, after: Cursor | None, bounds: Bounds) -> AsyncGenerator[bytes, None]:
        """What to write, in order, until the reader is ended or too slow. `after` None is from now."""
        position = bounds.end if after is None else after
        yield ready(position)
        if position < bounds.beginning:
            yield gap(position, bounds.beginning)
            position = bounds.beginning
        elif position > bounds.end:
            yield gap(bounds.end, position)
            position = bounds.end
        while position < self._ring.floor and not self.ended:
            floor = self._ring.floor
            async with self._pages:
                page = await self._feed.page(position, BATCHES_A_PAGE, self.view.only_session)
                if position < page.beginning:
                    # Forgotten while we were catching up.
                    yield gap(position, page.beginning)
                    position = page.beginning
                    continue
                for part in split([event_frame(event) for event in page.events]):
                    if data := join(self.view, part, position):
                        yield data
            position = page.cursor if page.more else max(page.cursor, floor)
        async for chunk in self._live(position):
            yield chunk

    async def _live(self, position: Cursor) -> AsyncGenerator[bytes, None]:
        number = self._ring.number_after(position)
        while not self.ended:
            if number == self._ring.next_number:
                await self._ring.news.wait()
                continue
            group = self._ring.group(number)
            if group is None:
                return
            if data := group.bytes_for(self.view, position):
                yield data
            number += 1
            position = group.last if group.last is not None and group.last > position else position


def _nothing() -> None:
    """There is no connection to cut."""
