"""The log as streams follow it, while a work that began earlier is not done: nothing is late for lack of a word."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callboard.coordinator.frames import View
from callboard.coordinator.reader import ReaderToken
from callboard.coordinator.services import feed
from callboard.coordinator.services.feed import EventFeed
from callboard.coordinator.stream import Stream, StreamRules
from callboard.domain.caller import Caller
from callboard.store.cursor import START
from callboard.store.database import Database
from tests.services.world import OWNER
from tests.store.harness import make, new_session
from tests.store.test_late_commits import note, uncommitted

BOUND_SECONDS = 10.0


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database in which works are done at once."""
    opened = await make("postgresql", tmp_path).open()
    yield opened
    await opened.close()


async def test_r21_from_now_is_behind_what_was_acknowledged_and_before_what_comes(database: Database) -> None:
    """R21: a place that a work under way took earlier lies behind `now` only when that work is done."""
    late, early = await database.write(new_session), await database.write(new_session)
    log = EventFeed(database)
    async with uncommitted(database, note(late)):
        await database.write(note(early))
        asking = asyncio.ensure_future(log.end())
        done, _ = await asyncio.wait([asking], timeout=0.1)
        assert done == set()
    now = await asyncio.wait_for(asking, BOUND_SECONDS)
    assert (await log.page(now, 10)).events == []
    await database.write(note(late))
    async with asyncio.timeout(BOUND_SECONDS):
        while not (page := await log.page(now, 10)).events:
            assert page.unsettled
    assert [(one.event.session_id, one.event.seq) for one in page.events] == [(late, 2)]


async def test_r21_a_work_that_never_ends_does_not_hold_up_who_begins_now(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R21: rather twice than never: what was acknowledged just before comes then."""
    monkeypatch.setattr(feed, "SETTLING_SECONDS", 0.05)
    late, early = await database.write(new_session), await database.write(new_session)
    async with uncommitted(database, note(late)):
        await database.write(note(early))
        assert await EventFeed(database).end() == START


async def test_r21_a_stream_looks_again_for_what_a_work_held_back(database: Database) -> None:
    """R21: the work that held an event back may end without a word; nobody waits for the next slow look."""

    async def anybody(_: str) -> Caller:
        return OWNER

    late, early = await database.write(new_session), await database.write(new_session)
    stream = Stream(EventFeed(database), anybody, StreamRules(poll_seconds=60.0))
    following = asyncio.ensure_future(stream.follow())
    reader, bounds = await stream.open(View(), ReaderToken("tok_user", "secret"))
    chunks = reader.chunks(None, bounds)
    assert b"event: ready" in await anext(chunks)
    async with uncommitted(database, note(late)):
        await database.write(note(early))
        stream.wake()
        await asyncio.wait([following], timeout=0.1)
    assert early.encode() in await asyncio.wait_for(anext(chunks), BOUND_SECONDS)
    await chunks.aclose()
    stream.end_all()
    await following
