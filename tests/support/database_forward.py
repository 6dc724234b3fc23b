"""A port of this machine that leads to a PostgreSQL's socket, and may change what the server says on the way."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

CHUNK_BYTES: Final = 1 << 16
JOIN_SECONDS: Final = 10.0


@contextmanager
def forward(server: Path, said: bytes = b"", instead: bytes = b"") -> Iterator[int]:
    """Yield the port; in the server's first words one piece is replaced by another of the same length."""
    assert len(said) == len(instead)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        accepting = threading.Thread(target=_accept, args=(listening, server, said, instead), daemon=True)
        accepting.start()
        yield port
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join(JOIN_SECONDS)


def _accept(listening: socket.socket, server: Path, said: bytes, instead: bytes) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        ours = socket.socket(socket.AF_UNIX)
        ours.connect(str(server))
        threading.Thread(target=_pass_on, args=(client, ours, b"", b""), daemon=True).start()
        threading.Thread(target=_pass_on, args=(ours, client, said, instead), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, said: bytes, instead: bytes) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data.replace(said, instead) if said else data)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    source.close()
