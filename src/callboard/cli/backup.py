"""`backup`: copies the database of a coordinator that may be running, and checks a copy; needs no coordinator."""

import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.exit_codes import FAILED
from callboard.cli.options import NO_SHOW, Show
from callboard.cli.output import Output, span

if TYPE_CHECKING:
    from callboard.coordinator.services.backups import Backup


def backup(
    file: Annotated[Path, Parameter(help="Where the copy goes, a file or a folder; with --check: the copy.")],
    /,
    *,
    check: Annotated[bool, Parameter(help="Copy nothing; read the whole FILE and say whether it can be restored.")] = (
        False
    ),
    overwrite: Annotated[bool, Parameter(help="Replace FILE if it is there.")] = False,
    data_dir: Annotated[Path | None, Parameter(help="Data directory of the coordinator.")] = None,
    database: Annotated[str | None, Parameter(help="Database URL; default: as the coordinator is told.")] = None,
    show: Show = NO_SHOW,
) -> int:
    """Copy the database, also while the coordinator runs and writes; or check a copy (exits 1 when it is not sound).

    The copy is of one moment, checked, of mode 0600, and appears under its name only when it is whole.
    To restore: stop the coordinator, put the copy in the place of DIR/callboard.db, start it.
    """
    # Imported here because it brings the database.
    from callboard.coordinator.services.backups import check_backup  # noqa: PLC0415

    context = Context(show)
    path = file.expanduser().absolute()
    made = check_backup(path) if check else _copy(context, path, overwrite, data_dir, database)
    _tell(context.output, made)
    return FAILED if made.problems else 0


def _copy(context: Context, path: Path, overwrite: bool, data_dir: Path | None, database: str | None) -> "Backup":
    from callboard.cli.daemon_settings import coordinator_config  # noqa: PLC0415 - brings the server's libraries
    from callboard.coordinator.services.backups import make_backup, refuse_postgres  # noqa: PLC0415

    directory = str(data_dir.expanduser().absolute()) if data_dir else None
    given = {"data_dir": directory, "database": database}
    config, _ = coordinator_config(context.settings, {name: value for name, value in given.items() if value})
    source = config.database_file
    if source is None:
        refuse_postgres(config.database, path)
    # Told to end, it takes away what it has begun.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return make_backup(source, path, overwrite=overwrite)


def _tell(output: Output, made: "Backup") -> None:
    if output.json_wanted:
        found = msgspec.to_builtins(made.contents) if made.contents else {}
        output.value({"path": made.path, "bytes": made.bytes, "problems": made.problems} | found)
        return
    for problem in made.problems:
        output.line(span("✗ ", "red"), problem)
    if made.problems:
        output.warn(f"{made.path} cannot be restored.")
        return
    output.line(made.path)
    if made.contents is not None:
        found = made.contents
        newest = "no event yet" if found.newest_event_at is None else f"the newest of {_time(found.newest_event_at)}"
        output.note(
            f"{found.sessions} sessions, {found.runs} runs, {found.events} events, {newest}; "
            f"schema version {found.schema_version}, {made.bytes:,} bytes, every page was read and is sound"
        )


def _time(unix_ms: int) -> str:
    return f"{datetime.fromtimestamp(unix_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
