"""The log of all sessions as the stream follows it: pages behind a cursor, and who stands above a session.

Knows no reader and no caller: who may see an event is decided where it is given out.
"""

import asyncio
from collections import OrderedDict
from typing import Final

import msgspec
import structlog

from callboard.coordinator.services.rendering import render_event
from callboard.store.cursor import Cursor, parse_cursor
from callboard.store.database import Database, Transaction
from callboard.store.event_log import current_cursor, follow, retained_after, unsettled_end
from callboard.store.events import StoredEvent
from callboard.wire.responses import Event

__all__ = ["Cursor", "EventFeed", "FeedEvent", "FeedPage", "Lineage", "parse_cursor"]

REMEMBERED_SESSIONS: Final = 20_000
SETTLING_SECONDS: Final = 2.0
SETTLING_PAUSE_SECONDS: Final = 0.005

log = structlog.get_logger(__name__)


class Lineage(msgspec.Struct, frozen=True):
    """What never changes about where a session stands. `above` are the ids of its ancestors."""

    session_id: str
    root_session_id: str
    project_id: str | None
    above: frozenset[str]


class FeedEvent(msgspec.Struct, frozen=True):
    """An event with its place in the order of all events."""

    cursor: Cursor
    event: Event
    lineage: Lineage


class FeedPage(msgspec.Struct, frozen=True):
    """Events behind a cursor, and the cursor behind the last of them."""

    events: list[FeedEvent]
    cursor: Cursor
    more: bool
    unsettled: bool
    """Whether more is stored that is given out soon, without another word."""
    beginning: Cursor
    """Behind this place nothing was forgotten when the page was read."""


class EventFeed:
    """Reads the log in the order of all sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lineages: OrderedDict[str, Lineage] = OrderedDict()

    async def end(self) -> Cursor:
        """Where the log ends now: behind all that was acknowledged before the call, before all that is so later.

        Works under way may have their place before an event that is stored already: it waits for them. Of works
        that take too long nothing is missed; then what was acknowledged just before is told once more.
        """
        stored, settled = await self._database.read(_ends)
        try:
            async with asyncio.timeout(SETTLING_SECONDS):
                while settled < stored:
                    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=SETTLING_PAUSE_SECONDS)
                    settled = await self._database.read(current_cursor)
        except TimeoutError:
            log.warning("works that began long ago hold back the end of the log")
        return settled

    async def beginning(self) -> Cursor:
        """Behind this place nothing was forgotten."""
        return await self._database.read(retained_after)

    async def page(self, after: Cursor, batches: int, session_id: str | None = None) -> FeedPage:
        """What follows a cursor, of all sessions or of one; bounded in batches and in bytes."""

        def work(tx: Transaction) -> FeedPage:
            found = follow(tx, after, batches, session_id)
            events = [self._feed_event(tx, event) for event in found.events]
            return FeedPage(events, found.cursor, found.more, found.unsettled, found.beginning)

        return await self._database.read(work)

    async def lineage(self, session_id: str) -> Lineage | None:
        """Where a session stands; None when there is no such session."""
        return self._lineages.get(session_id) or await self._database.read(lambda tx: self._lineage(tx, session_id))

    def known_lineage(self, session_id: str) -> Lineage | None:
        """The same as far as memory knows."""
        return self._lineages.get(session_id)

    def _feed_event(self, tx: Transaction, event: StoredEvent) -> FeedEvent:
        lineage = self._lineage(tx, event.session_id)
        if lineage is None:
            lineage = Lineage(event.session_id, event.root_session_id, None, frozenset())
        return FeedEvent(parse_cursor(event.cursor), render_event(event), lineage)

    def _lineage(self, tx: Transaction, session_id: str) -> Lineage | None:
        known = self._lineages.get(session_id)
        if known is not None:
            return known
        row = tx.one("session_by_id", session_id=session_id)
        if row is None:
            return None
        parent_id = row["parent_session_id"]
        parent = self._lineage(tx, parent_id) if parent_id else None
        above = (parent.above | {parent_id}) if parent else frozenset()
        lineage = Lineage(session_id, row["root_session_id"], row["project_id"], above)
        self._lineages[session_id] = lineage
        while len(self._lineages) > REMEMBERED_SESSIONS:
            self._lineages.popitem(last=False)
        return lineage


def _ends(tx: Transaction) -> tuple[Cursor, Cursor]:
    """The end of what is stored, and of what is given out."""
    settled = current_cursor(tx)
    return max(settled, unsettled_end(tx)), settled
