"""R21: readers of the stream over a real log: catching up, a forgotten beginning, and frames that were dropped."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from callboard.coordinator.frames import View
from callboard.coordinator.reader import ReaderToken
from callboard.coordinator.services.feed import Cursor, EventFeed, parse_cursor
from callboard.coordinator.stream import Stream, StreamRules
from callboard.domain.caller import Caller
from callboard.domain.errors import Unavailable
from callboard.domain.event import NOTE
from callboard.store.event_log import prune
from callboard.store.events import NewEvent, append
from tests.services.world import OWNER, World, open_world

START = Cursor(0, 0, 0)
MESSAGE = re.compile(rb"(?:id: (?P<id>\S+)\n)?event: (?P<event>\S+)\ndata: (?P<data>.*)\n\n")


class Log:
    """A log that grows as the test says, and a stream that follows it."""

    def __init__(self, world: World, session_id: str, rules: StreamRules) -> None:
        self.world = world
        self.session_id = session_id
        self.stream = Stream(EventFeed(world.database), _anybody, rules)
        world.database.subscribe(lambda _: self.stream.wake())

    async def append(self, batches: int, *, size: int = 10, session_id: str | None = None) -> None:
        """So many batches of three events."""
        session = session_id or self.session_id
        events = [NewEvent(type=NOTE, payload=b'{"text":"%b"}' % (b"x" * size)) for _ in range(3)]
        for _ in range(batches):
            await self.world.database.write(lambda tx: append(tx, session, session, events))

    async def end(self) -> Cursor:
        """Where the log ends."""
        return await self.stream.feed.end()

    async def forget(self) -> None:
        """Prunes all that is there; the log of a session at work would be kept."""
        await self.world.stops.stop_session(OWNER, self.session_id, subtree=False)
        while await self.world.database.write(lambda tx: prune(tx, before_ms=tx.now_ms + 1).batches):
            pass

    @asynccontextmanager
    async def reading(self, after: Cursor | None, view: View | None = None) -> AsyncIterator["Reading"]:
        """A reader from a cursor on."""
        reader, bounds = await self.stream.open(view or View(), ReaderToken("tok", "secret"))
        async with aclosing(reader.chunks(after, bounds)) as chunks:
            yield Reading(chunks)
        self.stream.close(reader)


async def _anybody(secret: str) -> Caller:
    del secret
    return Caller(token_id="tok", kind="owner")


class Reading:
    """Takes messages from a reader, one after the other."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._waiting: Iterator[Any] = iter(())

    async def next(self) -> tuple[str, Cursor | None]:
        """The next message: its event and its place; the end of the stream is the event `end`."""
        async with asyncio.timeout(10):
            while (found := next(self._waiting, None)) is None:
                chunk = await anext(self._chunks, None)
                if chunk is None:
                    return "end", None
                self._waiting = MESSAGE.finditer(chunk)
        return found["event"].decode(), parse_cursor(found["id"].decode()) if found["id"] else None

    async def until(self, last: Cursor) -> list[Cursor]:
        """The places of all events up to one; control messages are left out."""
        places: list[Cursor] = []
        while not places or places[-1] < last:
            event, place = await self.next()
            assert event != "end"
            places += [place] if place else []
        return places


@asynccontextmanager
async def open_log(directory: Path, **rules: Any) -> AsyncIterator[Log]:
    """A log with one session, being followed."""
    async with open_world(directory) as world:
        created = await world.start()
        log = Log(world, created.session_id, StreamRules(**({"poll_seconds": 0.05} | rules)))
        following = asyncio.create_task(log.stream.follow())
        yield log
        log.stream.end_all()
        await following


async def test_catching_up_meets_the_live_end_at_any_moment(tmp_path: Path) -> None:
    """Many readers begin at many places while the log grows; each sees all behind its cursor once, in order."""
    async with open_log(tmp_path) as log:
        await log.append(300)
        places = [place async for place in _all_places(log)]
        growing = asyncio.create_task(log.append(300))

        async def check(after: Cursor) -> None:
            async with log.reading(after) as reading:
                await log.append(1)
                last = await log.end()
                seen = await reading.until(last)
                assert seen == sorted(set(seen))
                assert seen[0] == places[places.index(after) + 1]
                whole = [place async for place in _all_places(log)]
                assert seen == whole[whole.index(seen[0]) : whole.index(seen[-1]) + 1]

        await asyncio.gather(*(check(after) for after in places[:: len(places) // 20][:-1]))
        await growing


async def _all_places(log: Log) -> AsyncIterator[Cursor]:
    after, more = START, True
    while more:
        page = await log.stream.feed.page(after, 200)
        for found in page.events:
            yield found.cursor
        after, more = page.cursor, page.more


async def test_r21_a_forgotten_beginning_is_told_as_a_gap_with_its_range(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        await log.append(5)
        await log.forget()
        forgotten = await log.end()
        await log.append(2)
        async with log.reading(START) as reading:
            assert await reading.next() == ("ready", None)
            assert await reading.next() == ("gap", None)
            seen = await reading.until(await log.end())
            assert len(seen) == 6
            assert seen[0] > forgotten
        async with log.reading(forgotten) as reading:
            assert await reading.next() == ("ready", None)
            assert (await reading.next())[0] == NOTE, "nothing is missing behind this cursor"


async def test_r21_what_is_forgotten_under_a_reader_that_catches_up_is_told_too(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        await log.append(400)
        async with log.reading(START) as reading:
            assert await reading.next() == ("ready", None)
            seen = [await reading.next()]
            await log.forget()
            await log.append(2)
            end = await log.end()
            while seen[-1][1] != end:
                seen.append(await reading.next())
            assert [kind for kind, _ in seen].count("gap") == 1
            assert len([kind for kind, _ in seen if kind == NOTE]) < 3 * 402


async def test_r21_a_reader_that_fell_behind_what_is_kept_is_ended(tmp_path: Path) -> None:
    """It comes back by its cursor and misses nothing."""
    async with open_log(tmp_path, buffer_bytes=20_000) as log:
        async with log.reading(None) as slow, log.reading(None) as quick:
            await slow.next()
            await log.append(1)
            last = (await slow.until(await log.end()))[-1]
            for _ in range(20):
                await log.append(10)
                await quick.until(await log.end())
            events = [await slow.next()]
            while events[-1][0] not in ("end", "ready"):
                events.append(await slow.next())
            assert events[-1][0] == "end"
            last = max([last, *(place for _, place in events if place)])
        async with log.reading(last) as again:
            seen = await again.until(await log.end())
            whole = [place async for place in _all_places(log)]
            assert seen == whole[whole.index(last) + 1 :]


async def test_a_reader_of_one_session_catches_up_past_the_others(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        other = (await log.world.start()).session_id
        await log.append(3, session_id=other)
        await log.append(400)
        async with log.reading(START, View(session_id=other)) as reading:
            await log.append(1, session_id=other)
            end = await log.end()
            seen = await reading.until(end)
            assert len(seen) == 2 + 3 * 3 + 3, "created, queued, and four batches of three"


async def test_large_events_pass_in_bounded_pieces(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        await log.append(4, size=200_000)
        reader, bounds = await log.stream.open(View(), ReaderToken("tok", "secret"))
        sizes: list[int] = []
        async with aclosing(reader.chunks(START, bounds)) as chunks:
            async for chunk in chunks:
                sizes.append(len(chunk))
                if sum(sizes) > 12 * 200_000:
                    break
        assert max(sizes) < 300_000


async def test_nothing_is_followed_while_nobody_reads(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        async with log.reading(None) as reading:
            await log.append(1)
            await reading.until(await log.end())
        assert len(log.stream) == 0
        await log.append(5)
        async with log.reading(None) as reading:
            await log.append(1)
            seen = await reading.until(await log.end())
            assert len(seen) == 3, "from now means from now, also after a pause"


async def test_after_the_end_of_all_no_reader_is_taken(tmp_path: Path) -> None:
    async with open_log(tmp_path) as log:
        async with log.reading(None) as reading:
            assert await reading.next() == ("ready", None)
            log.stream.end_all()
            assert (await reading.next())[0] == "end"
        with pytest.raises(Unavailable, match="being stopped"):
            await log.stream.open(View(), ReaderToken("tok", "secret"))
