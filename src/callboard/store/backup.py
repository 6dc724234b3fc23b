"""Copies a SQLite database while it is written to, and checks a copy. Decides neither when nor where."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import apsw

from callboard.domain.errors import Unavailable
from callboard.store.sqlite_connection import translate

PAGES_AT_ONCE: Final = 500
MAX_PROBLEMS: Final = 20


def copy_database(source: Path, target: Path) -> None:
    """Writes a checked copy of one moment to `target` (mode 0600), which is replaced whole or not at all.

    Writers go on meanwhile; their log grows until the copy is made. Unavailable when it cannot be made.
    """
    unfinished = target.with_name(target.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    try:
        _copy_pages(source, unfinished)
        if problems := problems_of(unfinished):
            raise Unavailable(f"The copy of {source} is damaged: {problems[0]}")
        _sync(unfinished)
        unfinished.replace(target)
        _sync(target.parent)
    except apsw.Error as error:
        raise translate(error) from error
    finally:
        unfinished.unlink(missing_ok=True)


def problems_of(path: Path) -> list[str]:
    """What is wrong with a database file: broken pages and indexes, then broken references; empty when all is well."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(islice(_problems(connection), MAX_PROBLEMS))
    except apsw.CorruptError as error:
        return [str(error)]
    finally:
        connection.close()


def _problems(connection: apsw.Connection) -> Iterator[str]:
    for row in connection.execute(f"PRAGMA integrity_check({MAX_PROBLEMS})"):
        if row[0] != "ok":
            yield str(row[0])
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"{row[0]} row {row[1]} refers to nothing in {row[2]}"


def _copy_pages(source: Path, target: Path) -> None:
    reader = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
    writer = apsw.Connection(str(target))
    try:
        # An open snapshot keeps the copy from starting again with every commit of somebody else.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        with writer.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(PAGES_AT_ONCE)
        # A copy is one file, without a log beside it.
        writer.execute("PRAGMA journal_mode = DELETE").fetchall()
    finally:
        writer.close()
        reader.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
