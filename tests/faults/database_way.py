"""A way to a database that is cut at the worst moment: before a COMMIT arrives, or after it and before its answer."""

import re
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

COMMITTED: Final = b"C\0\0\0\x0bCOMMIT\0"
"""What the server says after a commit, as its protocol writes it."""
CHUNK_BYTES: Final = 1 << 16
JOIN_SECONDS: Final = 10.0

Moment = Literal["before it arrives", "before its answer"]


class _Commits:
    """Recognises the COMMITs of one connection that writes, also those that were prepared under a name."""

    def __init__(self) -> None:
        self._name: bytes | None = None
        self._writes = True

    def asked_in(self, sent: bytes) -> bool:
        """Whether the client asks for a commit."""
        self._writes = self._writes and b"READ ONLY" not in sent
        prepared = re.search(rb"P.{4}(_pg3_\d+)\0COMMIT\0", sent, re.DOTALL)
        if prepared is not None:
            self._name = prepared[1]
        by_name = self._name is not None and re.search(rb"B.{4}\0" + self._name + rb"\0", sent, re.DOTALL)
        return self._writes and (b"COMMIT\0" in sent or bool(by_name))

    def told_in(self, said: bytes) -> bool:
        """Whether the server says that a commit stands."""
        return self._writes and COMMITTED in said


class DatabaseWay:
    """Listens on a port of this machine and passes everything on to a server's socket, and back."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._cut_at: Moment | None = None
        self._choosing = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def waits(self) -> bool:
        """Whether no connection has been cut since that was asked for."""
        return self._cut_at is not None

    def cut_next_commit(self, moment: Moment) -> None:
        """The next COMMIT of a write on any connection loses its connection then; only that one."""
        self._cut_at = moment

    def close(self) -> None:
        """End every connection, and take no more."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join(JOIN_SECONDS)
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(JOIN_SECONDS)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                self._open.append(near)
                self._threads.append(threading.Thread(target=self._lead, args=(near,), daemon=True))
                self._threads[-1].start()

    def _lead(self, near: socket.socket) -> None:
        commits = _Commits()
        with near, socket.socket(socket.AF_UNIX) as far, suppress(OSError):
            far.connect(str(self._server))
            while True:
                for one in select.select([near, far], [], [])[0]:
                    data = one.recv(CHUNK_BYTES)
                    here = commits.asked_in(data) if one is near else commits.told_in(data)
                    if not data or (here and self._cut("before it arrives" if one is near else "before its answer")):
                        return
                    (far if one is near else near).sendall(data)

    def _cut(self, moment: Moment) -> bool:
        with self._choosing:
            if self._cut_at != moment:
                return False
            self._cut_at = None
            return True


@contextmanager
def database_way(server: Path) -> Iterator[DatabaseWay]:
    """Yield a way that leads to the server at this socket."""
    made = DatabaseWay(server)
    try:
        yield made
    finally:
        made.close()
