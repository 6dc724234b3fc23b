"""Backups of a database that may be in use: making one, and looking at one before it is needed. Runs no coordinator."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import msgspec

from callboard.domain.database_url import without_secrets
from callboard.domain.errors import CallboardError, InvalidRequest, Unavailable
from callboard.store.backup import Contents, copy_database, examine
from callboard.store.clock import SqliteClock

__all__ = ["Backup", "check_backup", "make_backup", "refuse_postgres"]


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of a database, and what looking at every page of it found; no problems means that it can be restored."""

    path: str
    bytes: int
    problems: list[str]
    contents: Contents | None


def make_backup(source: Path, destination: Path, *, overwrite: bool = False) -> Backup:
    """Copies a database while it is in use. InvalidRequest; CallboardError `backup_failed`: then nothing is left.

    A destination that is a folder gets a file that is named after the time.
    """
    target = destination / _file_name() if destination.is_dir() else destination
    _check_places(source, target, overwrite=overwrite)
    try:
        copy_database(source, target, overwrite=overwrite)
    except FileExistsError:
        raise _exists(target) from None
    except Unavailable as error:
        raise CallboardError(error.detail, code="backup_failed", hint=error.hint) from error
    return check_backup(target)


def check_backup(path: Path) -> Backup:
    """Reads every page of a copy and changes nothing. InvalidRequest when there is no such file."""
    if not path.is_file():
        raise InvalidRequest(f"There is no file {path}.", hint="Name the copy that is to be checked.")
    found = examine(path)
    return Backup(path=str(path), bytes=path.stat().st_size, problems=found.problems, contents=found.contents)


def refuse_postgres(url: str, destination: Path) -> NoReturn:
    """InvalidRequest that names the command for a database which brings its own tools; no secret is in it."""
    place = without_secrets(url)
    if place is None:
        raise InvalidRequest("The database URL cannot be read.", hint="`callboard doctor` says what is wrong with it.")
    command = ["pg_dump", "--format=custom", "--no-password", f"--dbname={place}", f"--file={destination}"]
    raise InvalidRequest(
        "The coordinator uses PostgreSQL, which is copied by its own tools.",
        hint=f"{shlex.join(command)}   (the password belongs into ~/.pgpass or the file that PGPASSFILE names, "
        "mode 0600, never into the command; pg_restore puts the copy back)",
    )


def _file_name() -> str:
    return f"callboard-{datetime.fromtimestamp(SqliteClock().now_ms() / 1000, UTC):%Y%m%dT%H%M%SZ}.db"


def _check_places(source: Path, target: Path, *, overwrite: bool) -> None:
    if not source.is_file():
        raise InvalidRequest(f"There is no database {source}.", hint="Name the coordinator's --data-dir.")
    if not target.parent.is_dir():
        raise InvalidRequest(f"There is no folder {target.parent}.", hint="Make it first.")
    if target.exists() and target.samefile(source):
        raise InvalidRequest(f"{target} is the database itself.", hint="Choose another place.")
    if target.with_name(target.name + "-wal").exists():
        raise InvalidRequest(f"{target} is a database in use.", hint="Choose another place.")
    if target.exists() and not overwrite:
        raise _exists(target)


def _exists(target: Path) -> InvalidRequest:
    return InvalidRequest(f"{target} is there already.", hint="Choose another name, or add --overwrite.")
