"""The log of all sessions: one order for every consumer (R21), and forgetting its beginning."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from callboard.domain.errors import InvalidRequest
from callboard.store.cursor import START, Cursor, parse_cursor
from callboard.store.database import Database, Transaction
from callboard.store.event_log import MAX_BYTES, Following, current_cursor, follow, prune, retained_after, unsettled_end
from callboard.store.events import NewEvent, StoredEvent, append, page_by_seq
from callboard.store.postgres import WRITERS
from tests.store.harness import Harness, make, new_session, remember
from tests.store.settable_clock import SettableClock

BOUND_SECONDS: Final = 10.0
NOTE: Final = NewEvent(type="note", payload=b"{}")


async def write(database: Database, session_id: str, count: int = 1, payload: bytes = b"{}") -> None:
    events = [NewEvent(type="note", payload=payload)] * count
    await database.write(lambda tx: append(tx, session_id, session_id, events))


async def read_on(
    database: Database, after: Cursor = START, session_id: str | None = None, limit: int = 500
) -> Following:
    return await database.read(lambda tx: follow(tx, after, limit, session_id))


async def read_all(database: Database, after: Cursor = START, session_id: str | None = None) -> list[StoredEvent]:
    """Everything behind a cursor, a few batches at a time."""
    found: list[StoredEvent] = []
    more = True
    while more:
        part = await read_on(database, after, session_id, limit=3)
        found += part.events
        after, more = part.cursor, part.more
    return found


def places(events: list[StoredEvent]) -> list[tuple[str, int]]:
    return [(event.session_id, event.seq) for event in events]


async def test_the_order_of_all_is_the_order_of_each(database: Database) -> None:
    sessions = [await database.write(new_session) for _ in range(4)]
    await asyncio.gather(*(write(database, sessions[turn % 4], count=turn % 3 + 1) for turn in range(40)))
    events = await read_all(database)
    cursors = [parse_cursor(event.cursor) for event in events]
    assert cursors == sorted(set(cursors))
    for session_id in sessions:
        mine = [event for event in events if event.session_id == session_id]
        assert [event.seq for event in mine] == list(range(1, len(mine) + 1))
        assert mine == await read_all(database, session_id=session_id)
        assert mine == (await database.read(partial(page_by_seq, session_id=session_id, after=0, limit=500))).events


async def test_r21_a_consumer_goes_on_behind_any_event(database: Database) -> None:
    """R21: whoever keeps the cursor of an event gets exactly what follows it, also inside a batch."""
    first, second = await database.write(new_session), await database.write(new_session)
    for count in (1, 5, 2):
        await write(database, first, count)
        await write(database, second, count)
    events = await read_all(database)
    for index, event in enumerate(events):
        after = parse_cursor(event.cursor)
        assert await read_all(database, after) == events[index + 1 :]
        mine = [later for later in events[index + 1 :] if later.session_id == first]
        assert await read_all(database, after, first) == mine
    assert (await read_on(database, parse_cursor(events[-1].cursor))).events == []


async def test_a_consumer_that_follows_while_others_write_sees_each_event_once(database: Database) -> None:
    sessions = [await database.write(new_session) for _ in range(3)]
    writing = asyncio.gather(*(write(database, sessions[turn % 3], count=turn % 4 + 1) for turn in range(200)))
    seen: list[StoredEvent] = []
    cursor = START
    finished = False
    while not finished:
        finished = writing.done()
        part = await read_on(database, cursor)
        seen += part.events
        cursor = part.cursor
    await writing
    seen += await read_all(database, cursor)
    assert places(seen) == places(await read_all(database))
    assert len(set(places(seen))) == len(seen) == sum(turn % 4 + 1 for turn in range(200))


async def settled(database: Database) -> Cursor:
    """The end of the log when no work under way holds it back any more, be it one that tells hints."""
    async with asyncio.timeout(BOUND_SECONDS):
        while await database.read(unsettled_end) != START:
            pass
    return await database.read(current_cursor)


async def test_from_now_means_from_the_end_of_the_log(database: Database) -> None:
    assert await database.read(current_cursor) == START
    session_id = await database.write(new_session)
    await write(database, session_id, 3)
    now = await settled(database)
    assert (await read_on(database, now)).events == []
    await write(database, session_id, 2)
    await settled(database)
    assert [event.seq for event in (await read_on(database, now)).events] == [4, 5]


@pytest.mark.slow
async def test_r21_short_works_of_another_database_do_not_move_the_end_back(tmp_path: Path) -> None:
    """R21: a place that was given out stays given out; else a consumer's cursor would be called one of the future."""
    (tmp_path / "other").mkdir()
    database, other = await make("postgresql", tmp_path).open(), await make("postgresql", tmp_path / "other").open()
    reading = True

    async def write_on(into: Database, work: Callable[[Transaction], Any]) -> None:
        while reading:
            await into.write(work)

    session_id = await database.write(new_session)
    foreign = [asyncio.ensure_future(write_on(other, remember(f"key {number}"))) for number in range(WRITERS)]
    own = asyncio.ensure_future(write_on(database, lambda tx: append(tx, session_id, session_id, [NOTE])))
    ends = [await database.read(current_cursor) for _ in range(400)]
    reading = False
    await asyncio.gather(own, *foreign)
    assert ends == sorted(ends)
    assert len(set(ends)) > 10
    for each in (database, other):
        await each.close()


async def test_one_read_is_bounded_in_bytes_and_in_batches(database: Database) -> None:
    session_id = await database.write(new_session)
    payload = b'"' + b"x" * 200_000 + b'"'
    for _ in range(12):
        await write(database, session_id, 5, payload)
    for chosen in (None, session_id):
        part = await read_on(database, session_id=chosen)
        assert part.more
        assert sum(memoryview(event.payload).nbytes for event in part.events) <= MAX_BYTES
        part = await read_on(database, session_id=chosen, limit=2)
        assert (len(part.events), part.more) == (10, True)
    assert len(await read_all(database)) == 60


async def test_the_beginning_is_forgotten_in_small_steps_and_the_boundary_is_kept(harness: Harness) -> None:
    clock = SettableClock()
    database = await harness.open(clock=clock)
    session_id = await database.write(new_session)
    for _ in range(10):
        await write(database, session_id, 2)
        clock.advance(1_000)
    events = await read_all(database)
    assert await database.read(retained_after) == START
    before = events[8].at
    assert (await database.write(lambda tx: prune(tx, before, limit=3))).batches == 3
    assert (await database.write(lambda tx: prune(tx, before, limit=3))).batches == 1
    assert (await database.write(lambda tx: prune(tx, before, limit=3))).batches == 0
    assert str(await database.read(retained_after)) == events[7].cursor
    assert await read_all(database) == events[8:]
    left = await database.read(lambda tx: page_by_seq(tx, session_id, 0, 200))
    assert [event.seq for event in left.events] == list(range(9, 21))
    await database.close()


async def test_a_log_that_was_forgotten_whole_goes_on_counting(harness: Harness) -> None:
    clock = SettableClock()
    database = await harness.open(clock=clock)
    session_id = await database.write(new_session)
    await write(database, session_id, 4)
    end = await database.read(current_cursor)
    assert (await database.write(lambda tx: prune(tx, clock.now_ms() + 1))).batches == 1
    assert await database.read(current_cursor) == end == await database.read(retained_after)
    await write(database, session_id)
    (event,) = (await read_on(database, end)).events
    assert event.seq == 5
    assert parse_cursor(event.cursor) > end
    await database.close()


async def test_pruning_is_bounded_in_bytes(database: Database) -> None:
    session_id = await database.write(new_session)
    for _ in range(6):
        await write(database, session_id, 5, b'"' + b"x" * 250_000 + b'"')
    assert (await database.write(lambda tx: prune(tx, tx.now_ms + 1))).batches == 1


@pytest.mark.parametrize("text", ["0.1.2", "0.0.0", "9223372036854775807.12.0"])
def test_a_cursor_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_cursor(text)) == text


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.3.4", "-1.2.3", "01.2.3", "1.2.3 ", "a.b.c", "9999999999999999999.1.1", "1.2.٣"]
)
def test_other_texts_are_no_cursors(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_cursor(text)
    assert refused.value.code == "invalid_cursor"


def test_cursors_are_ordered_as_numbers() -> None:
    assert parse_cursor("0.9.0") < parse_cursor("0.10.0") < parse_cursor("0.10.2") < parse_cursor("0.10.10")
