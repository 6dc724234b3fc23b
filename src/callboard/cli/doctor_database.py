"""What `doctor` says of a PostgreSQL database: whether it can be used, how far it is, for how many there is room.

The URL is shown without its secrets.
"""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callboard.cli.context import Context
from callboard.cli.findings import Finding
from callboard.domain.database_url import holds_secret, is_postgres, shown
from callboard.domain.errors import CallboardError, Unavailable

if TYPE_CHECKING:
    from callboard.coordinator.services.server_look import Server

SLOW_MS: Final = 20.0
SKEW_MS: Final = 5_000


def look_at_database(context: Context) -> Iterator[Finding]:
    """Nothing where the coordinator's database is a file."""
    from callboard.cli.daemon_settings import coordinator_config  # noqa: PLC0415 - brings the server's libraries

    try:
        config, origins = coordinator_config(context.settings, {})
    except CallboardError as error:
        yield Finding(name="settings", verdict="wrong", sentence=error.detail, next_step=error.hint)
        return
    if not is_postgres(config.database):
        return
    yield from _secret(config.database, origins.get("database", ""))
    yield from _server(config.database)


def _secret(url: str, origin: str) -> Iterator[Finding]:
    file = Path(origin)
    if holds_secret(url) and file.is_file() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Finding(
            name="password",
            verdict="wrong",
            sentence=f"Others can read {file}, which holds a password.",
            next_step=f"chmod go= {file}",
        )


def _server(url: str) -> Iterator[Finding]:
    from callboard.coordinator.services.server_look import look  # noqa: PLC0415 - the database

    found = look(url)
    if isinstance(found, Unavailable):
        sentence = f"{shown(url)}: {found.detail}"
        yield Finding(name="database", verdict="wrong", sentence=sentence, next_step=found.hint)
        return
    yield _way(url, found)
    yield _clock(found)
    yield _schema(found)
    yield _room(found)


def _way(url: str, found: "Server") -> Finding:
    bare, slow = not (found.encrypted or found.local), found.latency_ms > SLOW_MS
    way = "encrypted" if found.encrypted else "on this machine" if found.local else "not encrypted"
    next_step = "Put the coordinator nearer to it." if slow else ""
    return Finding(
        name="database",
        verdict="warning" if bare or slow else "ok",
        sentence=f"{shown(url)}: PostgreSQL {found.version}, {found.latency_ms:.1f} ms away, {way}",
        next_step="Add sslmode=verify-full to the URL." if bare else next_step,
    )


def _clock(found: "Server") -> Finding:
    skewed = abs(found.clock_ahead_ms) > SKEW_MS
    return Finding(
        name="its clock",
        verdict="warning" if skewed else "ok",
        sentence=f"{found.clock_ahead_ms:+d} ms from this machine's; leases go by the database's",
        next_step="Let both be set over the network; nothing breaks meanwhile." if skewed else "",
    )


def _schema(found: "Server") -> Finding:
    older = not found.schema.is_current and found.schema.before > 0
    known = f"version {found.schema.before}, this Callboard's is {found.schema.after}"
    return Finding(
        name="schema",
        verdict="wrong" if older else "ok",
        sentence=known if found.schema.before else "none yet; the first coordinator makes it",
        next_step="Make a backup, stop every coordinator, then: callboard migrate" if older else "",
    )


def _room(found: "Server") -> Finding:
    from callboard.coordinator.services.server_look import CONNECTIONS_EACH  # noqa: PLC0415 - brings the database

    used = f"{found.connections_used} of {found.connections} used, {found.connections_of_coordinators} by coordinators"
    return Finding(
        name="connections",
        verdict="ok" if found.room else "warning",
        sentence=f"{used}; room for {found.room} more coordinators with {CONNECTIONS_EACH} each",
        next_step="" if found.room else "Raise max_connections of the server before you start another coordinator.",
    )
