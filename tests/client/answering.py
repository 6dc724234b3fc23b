"""A small real HTTP server that answers what a test told it to, one answer for each request, and notes the requests."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import msgspec


@dataclass(frozen=True)
class Answer:
    """What one request gets; `breaks` closes the connection before anything is said."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    breaks: bool = False


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def problem(status: int, code: str, **more: Any) -> Answer:
    """An error as the coordinator words it."""
    told = {"type": "about:blank", "title": "t", "status": status, "detail": f"said {code}", "code": code}
    return Answer(status, msgspec.json.encode(told | {"request_id": "req_1"} | more))


def event(seq: int, *, session_id: str = "ses_a", cursor: str = "", event_type: str = "note") -> str:
    """A frame of the stream for an event."""
    told = {
        "session_id": session_id,
        "seq": seq,
        "cursor": cursor or f"0.{seq}.0",
        "run_id": None,
        "attempt": None,
        "type": event_type,
        "at": "2026-01-01T00:00:00.000Z",
        "source_at": None,
        "payload": {},
    }
    return f"id: {told['cursor']}\nevent: {event_type}\ndata: {msgspec.json.encode(told).decode()}\n\n"


def control(name: str, told: Mapping[str, Any]) -> str:
    """A frame of the stream without an id."""
    return f"event: {name}\ndata: {msgspec.json.encode(dict(told)).decode()}\n\n"


def stream(*frames: str) -> Answer:
    """A stream that ends after these frames; clients come back at once."""
    text = "retry: 1\n\n" + "".join(frames)
    return Answer(200, text.encode(), {"content-type": "text/event-stream", "connection": "close"})


class AnsweringServer:
    """Serves the answers in order; when there are none left it answers 404."""

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[Request] = []
        self.answers = deque(answers)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answers.popleft() if self.answers else problem(404, "not_found")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self._next

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                body = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = take(Request(self.command, self.path, headers, body))
                if answer.breaks:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.headers.get("connection") != "close":
                    self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_DELETE = do_PATCH = answer  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: object) -> None:
                return

        return Handler
