"""What there is to know of a PostgreSQL server before a coordinator is started on it. Changes nothing."""

import time
from typing import Final

import psycopg
from msgspec import Struct

from callboard.store.clock import SqliteClock
from callboard.store.postgres_connection import connect
from callboard.store.postgres_migrate import Schema, check_rights, schema_of

CONNECTIONS_EACH: Final = 14
"""Of one coordinator: writers, readers and two for the hints; a test compares."""
PINGS: Final = 5
_ROOM: Final = """
    SELECT least(
        current_setting('max_connections')::INTEGER - current_setting('superuser_reserved_connections')::INTEGER
            - coalesce(current_setting('reserved_connections', true), '0')::INTEGER,
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)
    ), (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
    (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'callboard' AND datname = current_database())
"""


class Server(Struct, frozen=True, kw_only=True):
    """One look at a server and a database on it. Times in milliseconds."""

    version: str
    encrypted: bool
    local: bool
    """Reached over a Unix socket or a loopback address."""
    latency_ms: float
    clock_ahead_ms: int
    """How far the server's clock is ahead of this machine's; leases go by the server's."""
    schema: Schema
    connections: int
    """How many there may be for us, whoever has them."""
    connections_used: int
    connections_of_coordinators: int

    @property
    def room(self) -> int:
        """For how many more coordinators there is room."""
        return max(0, self.connections - self.connections_used) // CONNECTIONS_EACH


def look_at(conninfo: str) -> Server:
    """StoreRefused and Unavailable say why no coordinator could start; psycopg.Error."""
    with connect(conninfo) as connection:
        connection.execute("SELECT set_config('application_name', 'callboard doctor', false)")
        schema = schema_of(connection)
        if schema.before:
            check_rights(connection)
        latency_ms, ahead_ms = _times(connection)
        room = connection.execute(_ROOM).fetchone() or (0, 0, 0)
        return Server(
            version=connection.info.parameter_status("server_version") or str(connection.info.server_version),
            encrypted=bool(connection.pgconn.ssl_in_use),
            local=connection.info.host.startswith(("/", "127.", "localhost", "::1")),
            latency_ms=latency_ms,
            clock_ahead_ms=ahead_ms,
            schema=schema,
            connections=room[0],
            connections_used=room[1],
            connections_of_coordinators=room[2],
        )


def _times(connection: psycopg.Connection) -> tuple[float, int]:
    """The shortest way there and back, and the difference of the clocks as that way showed it."""
    clock = SqliteClock()
    found = []
    for _ in range(PINGS):
        began = time.monotonic()
        before_ms = clock.now_ms()
        row = connection.execute("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)").fetchone()
        taken_ms = (time.monotonic() - began) * 1000
        found.append((taken_ms, round((row[0] if row else 0) - before_ms - taken_ms / 2)))
    return min(found)
