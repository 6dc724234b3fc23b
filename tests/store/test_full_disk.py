"""R24: a full disk refuses what has no room, loses nothing, and everything goes on when there is room again."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from callboard.cli.daemon_settings import database_as_setting
from callboard.cli.exit_codes import UNREACHABLE, of_error
from callboard.domain.errors import DISK_FULL, Unavailable
from callboard.store.database import Database
from callboard.store.event_log import current_cursor
from callboard.store.events import NewEvent, append, page_by_seq
from callboard.store.sqlite import bring_up
from tests.store.harness import Harness, new_session

PAYLOAD = b'"' + b"x" * 20_000 + b'"'


async def post(database: Database, session_id: str, payload: bytes = PAYLOAD) -> int:
    events = [NewEvent(type="note", payload=payload)]
    return (await database.write(lambda tx: append(tx, session_id, session_id, events)))[0]


async def post_until_refused(database: Database, session_id: str) -> list[int]:
    """Post at once more than fits; return the numbers that were acknowledged."""
    outcomes = await asyncio.gather(*(post(database, session_id) for _ in range(200)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert refused
    assert {type(outcome) for outcome in refused} == {Unavailable}
    return [outcome for outcome in outcomes if isinstance(outcome, int)]


async def everything_works_again(database: Database, session_id: str, acknowledged: list[int]) -> None:
    """Nothing acknowledged is missing, nothing refused is there, and the next number is the next."""
    stored = await database.read(lambda tx: page_by_seq(tx, session_id, 0, 500))
    assert [event.seq for event in stored.events] == sorted(acknowledged)
    assert await post(database, session_id) == len(acknowledged) + 1
    await database.check()


async def test_r24_no_room_in_the_database(harness: Harness, database: Database) -> None:
    """R24: the database may grow no further."""
    session_id = await database.write(new_session)
    acknowledged = [await post(database, session_id) for _ in range(3)]
    await database.write(harness.fill_disk)
    acknowledged += await post_until_refused(database, session_id)
    assert (await database.read(current_cursor)).batch_id >= len(acknowledged)
    await database.write(harness.free_disk)
    await everything_works_again(database, session_id, acknowledged)
    await database.close()
    assert harness.problems() == []


@pytest.mark.parametrize("harness", ["sqlite"], indirect=True)  # the server's harness refuses events alone
async def test_r24_what_has_no_room_is_not_ready_until_it_has_some(harness: Harness, database: Database) -> None:
    """R24: the check is red from the first refusal on, and green as soon as a write has room again."""
    session_id = await database.write(new_session)
    await database.write(harness.fill_disk)
    await database.check()
    await post_until_refused(database, session_id)
    for _ in range(2):
        with pytest.raises(Unavailable) as refused:
            await database.check()
        assert refused.value.code == DISK_FULL
    await database.write(harness.free_disk)
    await database.check()


@contextmanager
def files_no_larger_than(limit_bytes: int) -> Iterator[None]:
    """Let the operating system refuse every write of this process beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("harness", ["sqlite"], indirect=True)  # a server's files are not this process's
async def test_r24_the_operating_system_refuses_to_write(harness: Harness, database: Database) -> None:
    """R24: a write fails below the database, in the middle of a commit."""
    session_id = await database.write(new_session)
    acknowledged = [await post(database, session_id)]
    with files_no_larger_than(1_500_000):
        acknowledged += await post_until_refused(database, session_id)
        with pytest.raises(Unavailable):
            await post(database, session_id, b'"' + b"y" * 250_000 + b'"')
    await everything_works_again(database, session_id, acknowledged)
    await database.close()
    assert harness.problems() == []


def test_r24_a_new_database_without_room_says_so_and_not_that_a_setting_is_wrong(tmp_path: Path) -> None:
    """R24: what begins without room waits for a person who makes some (exit 5), and can be begun again."""
    connection = apsw.Connection(str(tmp_path / "new.db"))
    connection.pragma("max_page_count", 2)
    with pytest.raises(Unavailable) as refused, database_as_setting():
        bring_up(connection, tmp_path / "new.db")
    assert (refused.value.code, of_error(refused.value)) == (DISK_FULL, UNREACHABLE)
    connection.pragma("max_page_count", 100_000)
    bring_up(connection, tmp_path / "new.db")
