"""A PostgreSQL of a test's own, which may be ended in any way, frozen and started again; guarded as the shared one."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg

from tests.support.coordinator import until
from tests.support.postgres import SETTINGS, start_server
from tests.support.server_guard import end_server, guard, postmaster_of

BOUND_SECONDS: Final = 20.0
WAYS: Final[dict[str, signal.Signals]] = {
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
    "killed": signal.SIGKILL,
}
"""How a server ends: as `pg_ctl stop -m` does, or as memory that runs out."""


class OwnServer:
    """One server in a directory; `url` stays the same over all restarts."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self.url = start_server(self.data, SETTINGS)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.data / ".s.PGSQL.5432"

    def stop(self, way: str) -> None:
        """End it in one of the WAYS, with all that works for it."""
        processes = self._processes()
        processes[0].send_signal(WAYS[way])
        until(lambda: not any(map(_lives, processes)), BOUND_SECONDS, f"the server is gone ({way})")
        # Whoever was killed leaves its number behind, and may be a zombie for a while, which looks like a server.
        for name in ("postmaster.pid", f"{self.socket.name}.lock"):
            (self.data / name).unlink(missing_ok=True)

    def start(self) -> None:
        """Start it again on the same data."""
        assert start_server(self.data, SETTINGS) == self.url

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing of it runs, and nobody is told; it takes connections as a machine does whose disk hangs."""
        stopped: set[psutil.Process] = set()
        while fresh := set(self._processes()) - stopped:
            for one in fresh:
                one.suspend()
            stopped |= fresh
        try:
            yield
        finally:
            for one in stopped:
                with suppress(psutil.NoSuchProcess):
                    one.resume()

    def end_connections(self, last: str = "") -> int:
        """Cut connections of coordinators whose last statement began with this pattern; how many."""
        (row,) = self.rows(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'callboard' AND query ~ %s",
            [f"^({last})"],
        )
        return int(row[0])

    def rows(self, statement: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a statement, if it has any."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            done = connection.execute(statement.encode(), parameters)
            return done.fetchall() if done.description else []

    def _processes(self) -> list[psutil.Process]:
        postmaster = postmaster_of(self.data)
        assert postmaster is not None, "no server runs"
        return [postmaster, *postmaster.children(recursive=True)]


@contextmanager
def own_server(directory: Path) -> Iterator[OwnServer]:
    """Yield a server in this directory, whose path must be short; nothing of it is left in the end."""
    watching = guard(directory, os.getpid())
    try:
        yield OwnServer(directory)
    finally:
        end_server(directory, signal.SIGQUIT)
        watching.kill()
        watching.wait(BOUND_SECONDS)


def _lives(process: psutil.Process) -> bool:
    """Whether it may still do something: a zombie only waits for its parent's interest."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
