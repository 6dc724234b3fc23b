"""Passes pieces of messages on while they are being written: best effort, bounded, never in the way of an event."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from callboard.domain.errors import CallboardError
from callboard.domain.invocation import Delta
from callboard.runner.attempt_reports import AttemptStale
from callboard.runner.contact import Dismissed

MAX_WAITING: Final = 200
MAX_TEXT: Final = 16_384
_LOG = structlog.get_logger(__name__)


class Deltas:
    """The pieces that wait; what is too much is dropped, oldest first."""

    def __init__(self, post: Callable[[str, int, str], Awaitable[None]]) -> None:
        self._post = post
        self._waiting: deque[Delta] = deque(maxlen=MAX_WAITING)
        self._filled = asyncio.Event()

    def add(self, delta: Delta) -> None:
        """Take a piece; it joins the one before it when it goes on where that ends."""
        last = self._waiting[-1] if self._waiting else None
        if last and _goes_on(last, delta):
            self._waiting[-1] = Delta(last.message_key, last.offset, last.text + delta.text)
        else:
            self._waiting.append(delta)
        self._filled.set()

    def forget(self, message_key: object) -> None:
        """The whole message is an event now."""
        kept = [one for one in self._waiting if one.message_key != message_key]
        self._waiting.clear()
        self._waiting.extend(kept)

    async def post_all(self) -> None:
        """Post for ever, one after another."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                one = self._waiting.popleft()
                try:
                    await self._post(one.message_key[:100], one.offset, one.text[:MAX_TEXT])
                except (CallboardError, AttemptStale, Dismissed) as error:
                    _LOG.debug("delta_lost", why=str(error))


def _goes_on(last: Delta, delta: Delta) -> bool:
    return (
        last.message_key == delta.message_key
        and last.offset + len(last.text) == delta.offset
        and len(last.text) + len(delta.text) <= MAX_TEXT
    )
