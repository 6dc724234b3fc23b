"""R10: a database call that hangs is cut off in time; the loop goes on, readiness turns red, nothing leaks."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from callboard.domain.errors import Unavailable
from callboard.store.database import Database, Transaction
from tests.store.harness import Harness, recall, remember

TIMEOUT_SECONDS = 0.4
BOUND_SECONDS = 5.0


@pytest.fixture
async def impatient(harness: Harness) -> AsyncIterator[Database]:
    """Yield a database that waits only a moment for an answer."""
    opened = await harness.open(timeout_seconds=TIMEOUT_SECONDS)
    yield opened
    await opened.close()


class Hanging:
    """A work that hangs until it is released."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.released = threading.Event()

    def __call__(self, _tx: Transaction) -> None:
        self.began.set()
        assert self.released.wait(30)


async def ticks(until: asyncio.Future[Any]) -> int:
    """How often the loop comes round while it waits for something."""
    count = 0
    while not until.done():
        await asyncio.wait([until], timeout=0.01)
        count += 1
    return count


async def timed_out(call: Coroutine[Any, Any, object]) -> int:
    """Expect a call to be cut off in time, with the loop alive meanwhile; return how alive."""
    began = time.monotonic()
    task = asyncio.create_task(call)
    alive = await ticks(task)
    with pytest.raises(Unavailable) as refused:
        await task
    assert refused.value.code == "store_timeout"
    assert time.monotonic() - began < BOUND_SECONDS
    return alive


async def test_r10_writes_that_hang_are_cut_off_and_the_next_one_works(harness: Harness, impatient: Database) -> None:
    """R10: all writers hang, callers are told in time, readiness is red, and all is well when they come back."""
    threads = threading.active_count()
    hanging = [Hanging() for _ in range(harness.writers)]
    writes = [asyncio.create_task(impatient.write(one)) for one in hanging[1:]]
    assert await timed_out(impatient.write(hanging[0])) > 5
    assert {getattr(one, "code", None) for one in await asyncio.gather(*writes, return_exceptions=True)} <= {
        "store_timeout"
    }
    await timed_out(impatient.check())
    assert await impatient.read(recall("nothing")) is None
    for one in hanging:
        one.released.set()
    assert await impatient.write(remember("after")) == 1
    await impatient.check()
    assert threading.active_count() <= threads + 2


async def test_r10_what_nobody_waits_for_any_more_is_not_done(harness: Harness, impatient: Database) -> None:
    """R10: a write that waited behind hanging ones and was given up does not happen later."""
    hanging = [Hanging() for _ in range(harness.writers)]
    first = [asyncio.create_task(impatient.write(one)) for one in hanging]
    for one in hanging:
        assert await asyncio.to_thread(one.began.wait, 10)
    await timed_out(impatient.write(remember("too late")))
    for one in hanging:
        one.released.set()
    for write in first:
        with pytest.raises(Unavailable):
            await write
    assert await impatient.write(remember("in time")) == 1
    assert await impatient.read(recall("too late")) is None


async def test_r10_reads_that_hang_are_cut_off_and_writes_go_on(impatient: Database) -> None:
    """R10: every reader hangs; writers do not care, and readers are back when they are released."""
    hanging = [Hanging() for _ in range(4)]
    reads = [asyncio.create_task(impatient.read(one)) for one in hanging]
    assert await impatient.write(remember("meanwhile")) == 1
    outcomes = await asyncio.gather(*reads, return_exceptions=True)
    assert {getattr(outcome, "code", None) for outcome in outcomes} == {"store_timeout"}
    await timed_out(impatient.check())
    for one in hanging:
        one.released.set()
    assert await impatient.read(recall("meanwhile")) == ""
    await impatient.check()


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_r10_a_statement_that_never_ends_is_interrupted(impatient: Database, harness: Harness, kind: str) -> None:
    """R10: nobody has to release anything; the statement is ended, and its thread serves again."""
    call = impatient.read if kind == "read" else impatient.write
    for _ in range(3):
        await timed_out(call(harness.endless_statement))
    await call(lambda tx: tx.one("ping"))
    await impatient.check()


async def test_r10_what_waits_behind_a_statement_that_is_interrupted_is_done(
    impatient: Database, harness: Harness
) -> None:
    """R10: it comes to its turn within its own time."""
    endless = asyncio.create_task(impatient.write(harness.endless_statement))
    await asyncio.wait([endless], timeout=TIMEOUT_SECONDS / 2)
    behind = [impatient.write(remember(f"behind {number}")) for number in range(5)]
    assert await asyncio.gather(*behind) == [1] * 5
    with pytest.raises(Unavailable):
        await endless


async def test_closing_does_not_wait_for_ever(harness: Harness) -> None:
    database = await harness.open(timeout_seconds=TIMEOUT_SECONDS)
    hanging = Hanging()
    await timed_out(database.write(hanging))
    began = time.monotonic()
    await database.close()
    assert time.monotonic() - began < BOUND_SECONDS
    hanging.released.set()
