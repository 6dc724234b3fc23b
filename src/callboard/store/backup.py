"""Copies a SQLite database while it is written to, and says what a copy holds. Decides neither when nor where."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import apsw
from msgspec import Struct

from callboard.domain.errors import Unavailable
from callboard.store import migrate, queries
from callboard.store.database import StoreRefused, convert
from callboard.store.sqlite_connection import BUSY_SECONDS, SqliteTransaction, translate

PAGES_AT_ONCE: Final = 500
STEPS_BETWEEN_LOOKS: Final = 8
MAX_LOG_GROWTH_BYTES: Final = 4 * 1024**3
"""How far the log of the source may grow during a copy; a copy that takes longer is given up."""
MAX_PROBLEMS: Final = 20
_SIDES: Final = ("-journal", "-wal", "-shm")


class Contents(Struct, frozen=True, kw_only=True):
    """What a database holds; the time in Unix milliseconds, None when there are no events."""

    schema_version: int
    sessions: int
    runs: int
    events: int
    newest_event_at: int | None


class Examined(Struct, frozen=True):
    """What looking at a copy found: nothing wrong and the contents, or problems and what could be read."""

    problems: list[str]
    contents: Contents | None


def copy_database(source: Path, target: Path, *, overwrite: bool = True) -> None:
    """Writes a checked copy of one moment to `target` (mode 0600), which appears whole or not at all.

    Writers go on meanwhile; their log grows until the pages are copied, which is bounded. FileExistsError without
    `overwrite` when the target is there; Unavailable when the copy cannot be made: then nothing is left behind.
    """
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}.unfinished")
    try:
        _refuse_without_room(source, target.parent)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        _copy_pages(source, unfinished)
        if problems := problems_of(unfinished):
            raise Unavailable(f"The copy of {source} is damaged: {problems[0]}")
        _sync(unfinished)
        _name(unfinished, target, overwrite=overwrite)
        _sync(target.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise Unavailable(f"The copy {target} cannot be written: {error.strerror}.") from error
    except (apsw.IOError, apsw.FullError) as error:
        hint = "Make room, or choose another place."
        raise Unavailable(
            f"The copy {target} cannot be written: there is no room, or a disk fails.", hint=hint
        ) from error
    except apsw.Error as error:
        raise translate(error) from error
    finally:
        for side in ("", *_SIDES):
            unfinished.with_name(unfinished.name + side).unlink(missing_ok=True)


def problems_of(path: Path) -> list[str]:
    """What is wrong with a database file: broken pages and indexes, then broken references; empty when all is well."""
    try:
        with closing(_read_only(path)) as connection:
            return list(islice(_problems(connection), MAX_PROBLEMS))
    except (apsw.CorruptError, apsw.NotADBError) as error:
        return [str(error)]


def examine(path: Path) -> Examined:
    """Looks at every page of a copy, changes nothing, and counts what it holds. Unavailable when it cannot be read."""
    problems = problems_of(path)
    try:
        with closing(_read_only(path)) as connection:
            return Examined(problems, _contents(SqliteTransaction(connection, queries.load())))
    except StoreRefused as refused:
        return Examined([*problems, refused.detail], None)
    except (apsw.Error, Unavailable) as error:
        return Examined(problems or [str(error)], None)


def _contents(transaction: SqliteTransaction) -> Contents:
    """StoreRefused when this Callboard cannot use the schema."""
    try:
        row = transaction.one("meta_value", key=migrate.VERSION_KEY)
    except apsw.SQLError as error:
        raise StoreRefused("It is a SQLite database, but not one of Callboard.") from error
    version = int(row["value"]) if row else 0
    migrate.missing(version, migrate.load())
    return convert((transaction.one("contents") or {}) | {"schema_version": version}, Contents)


def _read_only(path: Path) -> apsw.Connection:
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)


def _problems(connection: apsw.Connection) -> Iterator[str]:
    for row in connection.execute(f"PRAGMA integrity_check({MAX_PROBLEMS})"):
        if row[0] != "ok":
            yield str(row[0])
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"{row[0]} row {row[1]} refers to nothing in {row[2]}"


def _refuse_without_room(source: Path, directory: Path) -> None:
    needed, free = source.stat().st_size, shutil.disk_usage(directory).free
    if needed > free:
        raise Unavailable(
            f"The copy needs {needed >> 20} MiB, and {directory} has {free >> 20} MiB free.",
            hint="Make room, or choose another place.",
        )


def _copy_pages(source: Path, target: Path) -> None:
    with (
        closing(apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)) as reader,
        closing(apsw.Connection(str(target))) as writer,
    ):
        reader.set_busy_timeout(BUSY_SECONDS * 1000)
        # Whoever copies must not tidy up after a coordinator that was killed.
        reader.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        # An open snapshot keeps the copy from starting again with every commit of somebody else.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        # What fails is thrown away whole; the disk is asked below, a part at a time.
        writer.execute("PRAGMA synchronous = OFF").fetchall()
        with writer.backup("main", reader, "main") as backup:
            _step_by_step(backup, source.with_name(source.name + "-wal"), target)
        reader.execute("ROLLBACK")
        # A copy is one file, without a log beside it.
        writer.execute("PRAGMA journal_mode = DELETE").fetchall()


def _step_by_step(backup: apsw.Backup, log: Path, target: Path) -> None:
    """Copies all pages, and lets the disk keep up, so that commits of others never wait for the whole copy."""
    most = _bytes_of(log) + MAX_LOG_GROWTH_BYTES
    steps = 0
    while not backup.done:
        backup.step(PAGES_AT_ONCE)
        steps += 1
        if steps % STEPS_BETWEEN_LOOKS == 0:
            _sync(target)
            if _bytes_of(log) > most:
                raise Unavailable("The database is written to faster than it can be copied.")


def _bytes_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _name(unfinished: Path, target: Path, *, overwrite: bool) -> None:
    """Gives the copy its name. FileExistsError without `overwrite`, also when the file came to be only now."""
    if overwrite:
        unfinished.replace(target)
        return
    try:
        os.link(unfinished, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links.
        if target.exists():
            raise FileExistsError(str(target)) from None
        unfinished.replace(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
