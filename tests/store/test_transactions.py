"""What every database promises to services: isolation, visibility, order. Hanging and full disks are elsewhere."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
import pytest

from callboard.domain.errors import Conflict
from callboard.store.database import ConstraintFailed, Database, Transaction, convert
from callboard.store.hints import Hint, RunnerTold
from callboard.store.queries import BadQueries
from tests.store.harness import Harness, new_session, recall, remember
from tests.store.settable_clock import SettableClock

Work = Callable[[Transaction], Any]


async def together(database: Database, works: list[Work]) -> list[Any]:
    """Let the works wait for the writer at the same time; return what came of each, in order."""
    go = threading.Event()
    first = asyncio.create_task(database.write(lambda _tx: go.wait(10)))
    rest = [asyncio.create_task(database.write(work)) for work in works]
    await database.read(lambda tx: tx.one("ping"))
    go.set()
    assert await first
    return await asyncio.gather(*rest, return_exceptions=True)


def tell(number: int, *, fails: bool = False) -> Work:
    def work(tx: Transaction) -> int:
        remember(f"told {number}")(tx)
        tx.hint(RunnerTold(str(number)))
        if fails:
            raise Conflict("This work fails.")
        return number

    return work


async def test_a_work_that_fails_is_undone_alone(database: Database) -> None:
    came = await together(database, [tell(number, fails=number % 3 == 0) for number in range(30)])
    for number, outcome in enumerate(came):
        if number % 3 == 0:
            assert isinstance(outcome, Conflict)
            assert await database.read(recall(f"told {number}")) is None
        else:
            assert outcome == number
            assert await database.read(recall(f"told {number}")) == ""


async def test_a_broken_constraint_fails_only_the_work_that_broke_it(database: Database) -> None:
    def twice(tx: Transaction) -> None:
        session_id = new_session(tx)
        tx.run("insert_event_batch", **batch(session_id))
        tx.run("insert_event_batch", **batch(session_id))

    came = await together(database, [remember("before"), twice, remember("after")])
    assert [type(outcome) for outcome in came] == [int, ConstraintFailed, int]
    assert await database.read(recall("after")) == ""


def batch(session_id: str) -> dict[str, Any]:
    row = {
        "transaction_id": 0,
        "session_id": session_id,
        "first_seq": 1,
        "last_seq": 1,
        "types": " note ",
        "now": 1,
        "block": "[]",
    }
    return row | {"run_id": None, "attempt": None, "first_key": None, "last_key": None}


async def test_a_reference_to_nothing_is_refused(database: Database) -> None:
    with pytest.raises(ConstraintFailed):
        await database.write(lambda tx: tx.run("insert_event_batch", **batch("ses_nobody")))


def told_in(hints: list[Hint]) -> list[Hint]:
    """The hints of the test's own works, whatever the database says besides, in an order of their own."""
    return sorted((hint for hint in hints if isinstance(hint, RunnerTold)), key=repr)


async def test_hints_come_only_from_works_that_stand(database: Database) -> None:
    heard: list[Hint] = []
    database.subscribe(heard.extend)
    await together(database, [tell(number, fails=number % 2 == 1) for number in range(20)])
    assert told_in(heard) == sorted((RunnerTold(str(number)) for number in range(0, 20, 2)), key=repr)


async def test_hints_of_several_commits_wait_for_a_loop_that_is_busy(database: Database) -> None:
    heard: list[Hint] = []
    database.subscribe(heard.extend)
    second = threading.Event()

    def slow(_tx: Transaction) -> None:
        second.wait(0.1)

    def last(tx: Transaction) -> None:
        tell(2)(tx)
        second.set()

    writing = [asyncio.create_task(database.write(work)) for work in (tell(1), slow, last)]
    await asyncio.wait(writing, timeout=0)
    assert second.wait(10)
    await asyncio.gather(*writing)
    assert told_in(heard) == [RunnerTold("1"), RunnerTold("2")]


async def test_a_hint_is_heard_before_its_writer_goes_on(database: Database) -> None:
    heard: list[Hint] = []
    database.subscribe(heard.extend)
    await database.write(tell(7))
    assert told_in(heard) == [RunnerTold("7")]


async def test_a_listener_that_fails_harms_neither_the_writer_nor_other_listeners(database: Database) -> None:
    heard: list[Hint] = []
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))

    def fails(_hints: list[Hint]) -> None:
        raise RuntimeError("This listener fails.")

    database.subscribe(fails)
    database.subscribe(heard.extend)
    assert await database.write(tell(1)) == 1
    assert told_in(heard) == [RunnerTold("1")]
    assert complaints


async def test_what_was_written_is_seen_by_every_later_read(database: Database) -> None:
    for number in range(50):
        await database.write(remember("number", str(number)))
        found = await asyncio.gather(*(database.read(recall("number")) for _ in range(4)))
        assert set(found) == {str(number)}


async def test_a_read_sees_one_moment(database: Database) -> None:
    await database.write(remember("moment", "before"))
    began, written = threading.Event(), threading.Event()

    def look_twice(tx: Transaction) -> tuple[str | None, str | None]:
        first = recall("moment")(tx)
        began.set()
        assert written.wait(10)
        return first, recall("moment")(tx)

    reading = asyncio.create_task(database.read(look_twice))
    assert await asyncio.to_thread(began.wait, 10)
    await database.write(remember("moment", "after"))
    written.set()
    assert await reading == ("before", "before")
    assert await database.read(recall("moment")) == "after"


async def test_a_read_changes_nothing(database: Database) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only"):
        await database.read(remember("changed"))
    assert await database.read(recall("changed")) is None
    with pytest.raises(RuntimeError):
        await database.read(lambda tx: tx.hint(RunnerTold("nobody")))


async def test_a_writer_that_goes_away_does_not_hold_up_the_others(harness: Harness, database: Database) -> None:
    go = threading.Event()
    first = asyncio.gather(*(database.write(lambda _tx: go.wait(10)) for _ in range(harness.writers)))
    gone = asyncio.create_task(database.write(remember("gone")))
    stays = asyncio.create_task(database.write(remember("stays")))
    await database.read(lambda tx: tx.one("ping"))
    gone.cancel()
    go.set()
    assert all(await first)
    assert await stays == 1
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await database.read(recall("gone")) is None


async def test_rows_come_by_column_name_and_counts_are_of_changed_rows(database: Database) -> None:
    session_id = await database.write(new_session)
    row = await database.read(lambda tx: tx.one("session_by_id", session_id=session_id))
    assert row is not None
    assert (row["session_id"], row["last_seq"], row["parent_session_id"]) == (session_id, 0, None)
    assert await database.read(lambda tx: tx.one("session_by_id", session_id="ses_nobody")) is None
    assert await database.read(lambda tx: tx.all("event_heads_after", transaction_id=0, batch_id=0, limit=1)) == []
    refresh = {"status": "running", "queued_runs": 0, "waits_for_budget": 0, "now": 5}
    assert await database.write(lambda tx: tx.run("refresh_session", session_id=session_id, **refresh)) == 1
    assert await database.write(lambda tx: tx.run("refresh_session", session_id="ses_nobody", **refresh)) == 0


async def test_a_row_becomes_a_struct(database: Database) -> None:
    class Place(msgspec.Struct):
        session_id: str
        last_seq: int

    session_id = await database.write(new_session)
    row = await database.read(lambda tx: tx.one("session_by_id", session_id=session_id))
    assert convert(row or {}, Place) == Place(session_id, 0)


async def test_a_query_without_a_name_and_a_parameter_without_a_value_are_defects(database: Database) -> None:
    with pytest.raises(BadQueries):
        await database.read(lambda tx: tx.one("no_such_query"))
    with pytest.raises((KeyError, psycopg.ProgrammingError)):
        await database.read(lambda tx: tx.one("meta_value"))


async def test_the_time_of_a_work_is_the_databases(harness: Harness) -> None:
    clock = SettableClock()
    database = await harness.open(clock=clock)
    before = await database.write(lambda tx: tx.now_ms)
    clock.advance(1_234)
    assert await database.read(lambda tx: tx.now_ms) == before + 1_234 == await database.now_ms()
    await database.close()


async def test_closing_finishes_what_waits_and_refuses_what_comes(harness: Harness) -> None:
    database = await harness.open()
    waiting = [asyncio.create_task(database.write(remember(f"last {number}"))) for number in range(100)]
    await database.read(lambda tx: tx.one("ping"))
    await database.close()
    assert await asyncio.gather(*waiting) == [1] * 100
    with pytest.raises(Exception, match="being closed"):
        await database.write(remember("too late"))
    await database.close()
    again = await harness.open()
    assert await again.read(recall("last 99")) == ""
    await again.close()
    assert harness.problems() == []
