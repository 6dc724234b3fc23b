"""A model server on loopback for tests of real agent clients: `python -m tests.scripted_model.server`, or a thread."""

import json
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.scripted_model import anthropic
from tests.scripted_model.script import Script

BOUND_SECONDS = 60.0
MAX_REQUESTS = 200
ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass
class Answer:
    """One answer that was given, and whether all of it went out."""

    session: str | None
    model: str
    message_id: str
    usage: Sequence[int]
    complete: bool = False


class _Hold:
    def __init__(self) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()


class ScriptedModel(ThreadingHTTPServer):
    """The server. Tests read `requests` and `answers`, wait for holds and release them."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.script = Script()
        self.requests: deque[dict[str, Any]] = deque(maxlen=MAX_REQUESTS)
        self.answers: list[Answer] = []
        self._holds: dict[str, _Hold] = defaultdict(_Hold)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def hold(self, name: str) -> None:
        """Blocks the calling request until it is released."""
        self._holds[name].reached.set()
        self._holds[name].released.wait(BOUND_SECONDS)

    def wait_for_hold(self, name: str) -> bool:
        """Blocks until a request holds under this name; False after the bound."""
        return self._holds[name].reached.wait(BOUND_SECONDS)

    def release(self, name: str) -> None:
        """Lets the requests go that hold under this name, now and later."""
        self._holds[name].released.set()

    def close(self) -> None:
        """Lets everything go and stops."""
        for hold in list(self._holds.values()):
            hold.released.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed resets its connection; that is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedModel

    def log_message(self, *_: Any) -> None:  # quiet: the tests look at what was asked
        return

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self._reply(404, {"type": "error", "error": {"type": "not_found_error", "message": "not here"}})

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(raw or b"{}")
        if path.startswith("/__release/"):
            self.server.release(path.rpartition("/")[2])
            self._reply(200, {})
        elif path.endswith("/count_tokens"):
            self._reply(200, {"input_tokens": max(1, len(raw) // 4)})
        elif path.endswith("/messages"):
            self.server.requests.append(body)
            self._answer(body)
        else:
            self.do_GET()

    def _answer(self, body: dict[str, Any]) -> None:
        request = anthropic.read(body)
        turn = self.server.script.answer(request)
        if turn.hold:
            self.server.hold(turn.hold)
        _wait(turn.pause)
        if turn.error:
            kind = ERRORS.get(turn.error, "api_error")
            problem = {"type": "error", "error": {"type": kind, "message": f"scripted {turn.error}"}}
            self._reply(turn.error, problem, **({"retry-after": "0"} if turn.error == 429 else {}))
            return
        message = anthropic.whole(request, turn)
        session = self.headers.get("X-Claude-Code-Session-Id")
        answer = Answer(session, request.model, message["id"], turn.usage)
        self.server.answers.append(answer)
        if not request.stream:
            self._reply(200, message)
        elif not self._stream(anthropic.stream(message, turn), cut_after=3 if turn.drop else None):
            return
        answer.complete = True

    def _stream(self, events: Any, cut_after: int | None) -> bool:
        """Writes server-sent events; False when the connection broke, by us or by the client."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("request-id", "req_scripted")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for count, (name, data, seconds) in enumerate(events):
                if count == cut_after:
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return False
                self._chunk(f"event: {name}\ndata: {json.dumps(data)}\n\n")
                _wait(seconds)
            self._chunk("")
        except ConnectionError:
            self.close_connection = True
            return False
        return True

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _reply(self, status: int, body: dict[str, Any], **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _wait(seconds: float) -> None:
    if seconds:
        threading.Event().wait(seconds)


def main() -> None:
    """Serves until interrupted; prints its address as the first line."""
    model = ScriptedModel(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    sys.stdout.write(json.dumps({"url": model.url}) + "\n")
    sys.stdout.flush()
    model.serve_forever()


if __name__ == "__main__":
    main()
