"""Copies of a database in use: sound, of one moment, whole or not there, and what looking at one says."""

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import apsw
import pytest

from callboard.domain.errors import Unavailable
from callboard.store import backup, migrate
from callboard.store.backup import Contents, copy_database, examine
from callboard.store.database import Database
from callboard.store.events import NewEvent, append
from callboard.store.sqlite import open_sqlite
from tests.store.harness import SqliteHarness, new_attempt, remember

BIG = [NewEvent(type="note", payload=b'"' + b"x" * 20_000 + b'"')]


async def filled(path: Path, batches: int = 3) -> str:
    """Write a database with one session, one run and so many events, and close it; return the session."""
    database = await open_sqlite(path)
    session_id, _ = await database.write(new_attempt)
    for _ in range(batches):
        await database.write(partial(append, session_id=session_id, root_session_id=session_id, events=BIG))
    await database.close()
    return session_id


@pytest.fixture
async def source(tmp_path: Path) -> Path:
    """A database with a session, a run and three events."""
    path = tmp_path / "source" / "callboard.db"
    path.parent.mkdir()
    await filled(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where copies go."""
    made = tmp_path / "copies"
    made.mkdir()
    return made


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


async def test_a_copy_says_what_it_holds(source: Path, folder: Path) -> None:
    copy_database(source, folder / "copy.db")
    found = examine(folder / "copy.db")
    assert found.problems == []
    assert found.contents is not None
    assert found.contents.newest_event_at is not None
    assert found.contents == Contents(
        schema_version=len(migrate.load()),
        sessions=1,
        runs=1,
        events=3,
        newest_event_at=found.contents.newest_event_at,
    )
    assert (folder / "copy.db").stat().st_mode & 0o777 == 0o600
    assert names(folder) == ["copy.db"]


async def test_a_file_that_is_there_is_only_replaced_when_that_is_said(source: Path, folder: Path) -> None:
    target = folder / "copy.db"
    target.touch()
    with pytest.raises(FileExistsError):
        copy_database(source, target, overwrite=False)
    assert (target.stat().st_size, names(folder)) == (0, ["copy.db"])
    copy_database(source, target, overwrite=True)
    assert examine(target).problems == []


async def test_two_copies_of_one_name_at_once_give_one_whole_file(source: Path, folder: Path) -> None:
    target = folder / "copy.db"
    copies = [asyncio.to_thread(copy_database, source, target, overwrite=False) for _ in range(4)]
    outcomes = await asyncio.gather(*copies, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [FileExistsError] * 3
    assert examine(target).problems == []
    assert names(folder) == ["copy.db"]


@contextmanager
def files_no_larger_than(limit_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_r24_a_full_disk_leaves_nothing_behind(source: Path, folder: Path) -> None:
    """R24: the operating system refuses a write in the middle of the copy."""
    await filled(source, batches=50)
    with files_no_larger_than(500_000), pytest.raises(Unavailable):
        copy_database(source, folder / "copy.db")
    assert names(folder) == []
    copy_database(source, folder / "copy.db")
    assert names(folder) == ["copy.db"]


async def test_without_room_nothing_is_begun(source: Path, folder: Path) -> None:
    with source.open("r+b") as sparse:
        sparse.truncate(2**43)
    with pytest.raises(Unavailable, match="MiB free"):
        copy_database(source, folder / "copy.db")
    assert names(folder) == []


async def test_a_copy_that_never_catches_up_is_given_up(
    source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log of the database grows while it is copied; that is bounded."""
    monkeypatch.setattr(backup, "PAGES_AT_ONCE", 1)
    monkeypatch.setattr(backup, "STEPS_BETWEEN_LOOKS", 1)
    monkeypatch.setattr(backup, "MAX_LOG_GROWTH_BYTES", -1)
    with pytest.raises(Unavailable, match="faster than it can be copied"):
        copy_database(source, folder / "copy.db")
    assert names(folder) == []


async def test_a_database_whose_process_was_killed_is_copied_with_its_log_and_left_as_it_was(
    tmp_path: Path, folder: Path
) -> None:
    harness = SqliteHarness(tmp_path)
    database = await harness.open()
    session_id, _ = await database.write(new_attempt)
    await database.write(partial(append, session_id=session_id, root_session_id=session_id, events=BIG))
    for side in ("", "-wal"):
        content = (tmp_path / f"callboard.db{side}").read_bytes()
        (folder / f"killed.db{side}").write_bytes(content)
    copy_database(folder / "killed.db", tmp_path / "copy.db")
    assert (folder / "killed.db-wal").stat().st_size > 0
    found = examine(tmp_path / "copy.db").contents
    assert found is not None
    assert found.events == 1
    await database.close()


async def test_a_damaged_copy_is_told(source: Path, folder: Path) -> None:
    await filled(source, batches=50)
    copy = folder / "copy.db"
    copy_database(source, copy)
    whole = copy.read_bytes()
    copy.write_bytes(whole[: len(whole) // 2])
    assert examine(copy).problems != []
    copy.write_bytes(whole[: len(whole) // 2] + os.urandom(4096) + whole[len(whole) // 2 + 4096 :])
    assert examine(copy).problems != []
    copy.write_bytes(b"This is no database. " * 1_000)
    assert examine(copy).problems != []


async def test_a_broken_reference_is_told(source: Path) -> None:
    connection = apsw.Connection(str(source))
    connection.execute("DELETE FROM sessions")
    connection.close()
    assert any("refers to nothing in sessions" in problem for problem in examine(source).problems)


async def test_a_schema_that_this_callboard_does_not_know_is_told(tmp_path: Path) -> None:
    path = tmp_path / "callboard.db"
    database: Database = await open_sqlite(path)
    await database.write(remember(migrate.VERSION_KEY, "999"))
    await database.close()
    (problem,) = examine(path).problems
    assert "schema version 999" in problem


def test_a_foreign_database_is_told(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "other.db"))
    connection.execute("CREATE TABLE thing (a TEXT)")
    connection.close()
    assert examine(tmp_path / "other.db").problems == ["It is a SQLite database, but not one of Callboard."]


async def test_an_empty_database_is_sound(tmp_path: Path) -> None:
    database = await open_sqlite(tmp_path / "callboard.db")
    await database.close()
    found = examine(tmp_path / "callboard.db")
    assert found.problems == []
    assert found.contents is not None
    assert (found.contents.sessions, found.contents.events, found.contents.newest_event_at) == (0, 0, None)
