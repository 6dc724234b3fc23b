"""Works that commit in another order than they took their places in the log: no consumer's cursor passes a late one."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from callboard.store.cursor import START, Cursor
from callboard.store.database import Database, Transaction
from callboard.store.event_log import Following, current_cursor, follow
from callboard.store.events import NewEvent, append, page_by_seq
from tests.store.harness import KINDS, make, new_session

BOUND_SECONDS: Final = 10.0
CONCURRENT: Final = [kind for kind in KINDS if kind != "sqlite"]
"""Where one writer does all works, the order of places is that of commits."""


@pytest.fixture(params=CONCURRENT)
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """One database as two coordinators have it open."""
    harness = make(request.param, tmp_path)
    opened = await harness.open(), await harness.open()
    yield opened
    for database in opened:
        await database.close()


def note(session_id: str) -> Callable[[Transaction], Any]:
    """A work that writes one event."""

    def work(tx: Transaction) -> None:
        tx.lock_session(session_id)
        append(tx, session_id, session_id, [NewEvent(type="note", payload=b"{}")])

    return work


@asynccontextmanager
async def uncommitted(database: Database, work: Callable[[Transaction], Any]) -> AsyncIterator[None]:
    """While inside, the work is done and not committed."""
    done, released, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

    def waiting(tx: Transaction) -> None:
        work(tx)
        loop.call_soon_threadsafe(done.set)
        assert released.wait(BOUND_SECONDS)

    writing = asyncio.ensure_future(database.write(waiting))
    try:
        await asyncio.wait_for(done.wait(), BOUND_SECONDS)
        yield
    finally:
        released.set()
        await writing


async def behind(database: Database, after: Cursor) -> Following:
    """What follows a cursor."""
    return await database.read(lambda tx: follow(tx, after))


async def test_r8_what_was_placed_first_is_read_first_however_late_it_is_committed(
    both: tuple[Database, Database],
) -> None:
    """R8: until then a consumer stays before it, also one who begins now; a session's own log shows all at once."""
    first, second = both
    late, early = await first.write(new_session), await first.write(new_session)
    async with uncommitted(first, note(late)):
        for _ in range(3):
            await second.write(note(early))
        for database in both:
            assert (await behind(database, START)).events == []
            assert await database.read(current_cursor) == START
            own = await database.read(lambda tx: page_by_seq(tx, early, 0, 10))
            assert [event.seq for event in own.events] == [1, 2, 3]
    logs = [[(event.session_id, event.seq) for event in (await behind(one, START)).events] for one in both]
    assert logs == [[(late, 1), (early, 1), (early, 2), (early, 3)]] * 2


async def test_r8_a_log_in_which_works_wait_for_each_other_keeps_its_order(both: tuple[Database, Database]) -> None:
    """R8: a work that began before another one and writes behind it in one session stands behind it for consumers."""
    first, second = both
    session_id, other = await first.write(new_session), await first.write(new_session)
    begun, going_on = threading.Event(), threading.Event()

    def begins_first(tx: Transaction) -> None:
        note(other)(tx)
        begun.set()
        assert going_on.wait(BOUND_SECONDS)
        note(session_id)(tx)

    writing = asyncio.ensure_future(first.write(begins_first))
    assert await asyncio.to_thread(begun.wait, BOUND_SECONDS)
    await second.write(note(session_id))
    assert (await behind(second, START)).events == []
    going_on.set()
    await writing
    cursor, seen = START, []
    for database in (second, first, second):
        part = await behind(database, cursor)
        seen += [(event.session_id, event.seq) for event in part.events]
        cursor = part.cursor
    assert seen == [(other, 1), (session_id, 1), (session_id, 2)]
