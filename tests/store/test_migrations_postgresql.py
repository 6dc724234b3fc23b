"""The schema on PostgreSQL: many that begin at once make it once, and a copy of a database continues its log (R4)."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from callboard.store import migrate
from callboard.store.database import Database, StoreRefused
from callboard.store.event_log import current_cursor, follow
from callboard.store.events import NewEvent, append
from callboard.store.postgres import open_postgres
from callboard.store.postgres_connection import connect
from callboard.store.postgres_migrate import RESTORED_GAP, bring_up, schema_of, transaction_offset, translated
from tests.store.harness import new_session, recall, remember
from tests.support import postgres

BEGINNERS = 6


@pytest.fixture
def empty() -> Iterator[str]:
    """A database without anything."""
    url = postgres.empty_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def database() -> Iterator[str]:
    """A database with our schema."""
    with postgres.database() as url:
        yield url


def offset_at_start(url: str) -> int:
    with connect(url) as connection:
        return transaction_offset(connection)


async def append_one(database: Database, session_id: str) -> None:
    await database.write(lambda tx: append(tx, session_id, session_id, [NewEvent(type="note")]))


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


async def test_many_that_begin_at_once_on_an_empty_database_make_the_schema_once(empty: str) -> None:
    opened = await asyncio.gather(*(open_postgres(empty) for _ in range(BEGINNERS)))
    try:
        await opened[0].write(remember("fact", "one"))
        assert [await one.read(recall("fact")) for one in opened] == ["one"] * BEGINNERS
    finally:
        await asyncio.gather(*(one.close() for one in opened))
    with connect(empty) as connection:
        assert schema_of(connection).is_current


def test_bringing_up_twice_does_nothing_the_second_time(empty: str) -> None:
    newest = len(migrate.load())
    with connect(empty) as connection:
        first, second = (bring_up(connection, allow_changes=False) for _ in range(2))
    assert (first.before, first.after, second.before) == (0, newest, newest)


def test_a_database_of_another_encoding_is_refused(empty: str) -> None:
    name = conninfo_to_dict(empty)["dbname"]
    execute(postgres.server(), f"DROP DATABASE {name}")
    execute(postgres.server(), f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with connect(empty) as connection, pytest.raises(StoreRefused, match="SQL_ASCII") as refused:
        bring_up(connection, allow_changes=False)
    assert "UTF8" in refused.value.hint


def test_every_text_is_compared_by_bytes() -> None:
    """Ids and pages have one order on both databases, whatever the server's language is."""
    for step in migrate.load():
        assert " TEXT" not in translated(step.sql).replace(' TEXT COLLATE "C"', "")


def test_r4_a_log_whose_home_stays_keeps_its_count(database: str) -> None:
    assert [offset_at_start(database) for _ in range(3)] == [0, 0, 0]


def test_r4_a_copy_of_a_database_counts_on_from_above_what_its_readers_have_seen(database: str) -> None:
    """R4: what came after the dump is in no table, but readers may have seen it."""
    offset_at_start(database)
    copy = postgres.empty_database()
    try:
        execute(postgres.server(), f"DROP DATABASE {conninfo_to_dict(copy)['dbname']}")
        name, original = (conninfo_to_dict(url)["dbname"] for url in (copy, database))
        execute(postgres.server(), f"CREATE DATABASE {name} TEMPLATE {original}")
        first = offset_at_start(copy)
        assert first >= RESTORED_GAP
        assert offset_at_start(copy) == first, "its home is there now"
        assert offset_at_start(database) == 0
    finally:
        postgres.drop_database(copy)


async def test_r4_on_a_server_that_counts_from_the_beginning_the_log_goes_on_above_itself(database: str) -> None:
    """R4: as if the dump came from a server that had done a million transactions more, to one of the same name."""
    opened = await open_postgres(database)
    session_id = await opened.write(new_session)
    await append_one(opened, session_id)
    await opened.close()
    for table, column in (("event_batches", "transaction_id"), ("sessions", "last_transaction")):
        execute(database, f"UPDATE {table} SET {column} = {column} + 1000000")  # noqa: S608 - names of ours
    again = await open_postgres(database)
    try:
        before = await again.read(current_cursor)
        await append_one(again, session_id)
        after = await again.read(lambda tx: follow(tx, before))
        assert [event.seq for event in after.events] == [2]
        assert after.cursor.transaction > before.transaction + RESTORED_GAP // 2
    finally:
        await again.close()
