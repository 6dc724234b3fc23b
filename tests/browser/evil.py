"""A hostile web server on loopback: its pages try what a page of a stranger may try. Knows nothing of Callboard."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Self

SCRIPT: Final = Path(__file__).with_name("evil.js")
PAGE: Final = b'<!doctype html><link rel="icon" href="data:,"><body><script src="/evil.js"></script>'
INLINE: Final = b'<!doctype html><link rel="icon" href="data:,"><body><script>' + SCRIPT.read_bytes() + b"</script>"
SANDBOX: Final = b'<!doctype html><link rel="icon" href="data:,"><iframe sandbox="allow-scripts allow-forms" src="/">'


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, body = {
            "/": ("text/html", PAGE),
            "/sandbox": ("text/html", SANDBOX),
            "/evil.js": ("text/javascript", SCRIPT.read_bytes()),
        }.get(self.path, ("text/plain", b""))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class EvilServer:
    """Serves the hostile page at `/` and the same page without an origin of its own at `/sandbox`."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="evil", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens, whatever the name that leads there."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
