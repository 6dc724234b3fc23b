"""DNS rebinding on one machine: an address that serves a hostile page first, and leads to somebody else afterwards.

For the browser that is what a name does that is bound to another address: same origin, another server.
"""

import contextlib
import socket
import socketserver
import threading
from typing import Final, Self

ADDRESS: Final = "127.0.0.2"
"""A loopback address where nobody else listens, so that the port can be the victim's."""


class _Connection(socketserver.BaseRequestHandler):
    server: "_Listener"

    def handle(self) -> None:
        connection: socket.socket = self.request
        if self.server.turned.is_set():
            self._lead_on(connection)
            return
        connection.recv(65536)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(self.server.page)}\r\n"
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + self.server.page)

    def _lead_on(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as onward:
            back = threading.Thread(target=_pass_on, args=(onward, connection), daemon=True)
            back.start()
            _pass_on(connection, onward)
            back.join(10)


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, page: bytes) -> None:
        super().__init__((ADDRESS, port), _Connection)
        self.port = port
        self.page = page
        self.turned = threading.Event()


class Turncoat:
    """Listens at another loopback address, on the victim's own port."""

    def __init__(self, port: int, page: bytes) -> None:
        self._listener = _Listener(port, page)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), name="turncoat", daemon=True)

    def turn(self) -> None:
        """Lead to the victim from the next connection on."""
        self._listener.turned.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join(10)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Pass bytes on until one side closes."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
