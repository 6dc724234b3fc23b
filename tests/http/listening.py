"""A reader of the stream in a thread of its own, as a browser reads it: frames as they come, and waiting for them."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from tests.http.world import Coordinator


@dataclass(frozen=True)
class Frame:
    """A message of the stream. Comments have the event `comment`."""

    event: str
    data: Any
    id: str | None
    at: float


class Listener:
    """One connection to the stream."""

    def __init__(self, coordinator: Coordinator, *, token: str | None = None, **query: Any) -> None:
        self.frames: list[Frame] = []
        self.retry: list[int] = []
        self.status = 0
        self.ended = threading.Event()
        self._changed = threading.Condition()
        self._headers = {"Authorization": f"Bearer {token or coordinator.owner}"} | query.pop("headers", {})
        self._path = "/sse/sessions?" + urlencode(query)
        self._connection = http.client.HTTPConnection(coordinator.url.removeprefix("http://"), timeout=40)
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        """Connects and waits for the first frame, or for the refusal."""
        self._connection.connect()
        self._thread.start()
        self.wait(lambda: self.frames or self.ended.is_set())
        return self

    def __exit__(self, *_: object) -> None:
        """Hangs up."""
        with contextlib.suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._connection.close()

    def _read(self) -> None:
        try:
            self._connection.request("GET", self._path, headers=self._headers)
            with self._connection.getresponse() as answer:
                self.status = answer.status
                self._read_lines(answer)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            with self._changed:
                self.ended.set()
                self._changed.notify_all()

    def _read_lines(self, answer: http.client.HTTPResponse) -> None:
        lines: list[str] = []
        while line := answer.readline().decode():
            if line != "\n":
                lines.append(line.rstrip("\n"))
            elif self.status == 200:
                self._take(lines)
                lines = []

    def _take(self, lines: list[str]) -> None:
        fields = dict(line.split(": ", 1) for line in lines)
        with self._changed:
            if "retry" in fields:
                self.retry.append(int(fields["retry"]))
            elif "event" in fields:
                data = json.loads(fields["data"])
                self.frames.append(Frame(fields["event"], data, fields.get("id"), time.monotonic()))
            else:
                self.frames.append(Frame("comment", fields, None, time.monotonic()))
            self._changed.notify_all()

    def wait(self, predicate: Callable[[], Any], seconds: float = 15) -> None:
        """Until it holds; fails when it does not in time."""
        with self._changed:
            assert self._changed.wait_for(lambda: bool(predicate()), seconds), (self.status, self.frames[-5:])

    def of(self, *events: str) -> list[Frame]:
        """The frames of these events."""
        return [frame for frame in self.frames if frame.event in events]

    @property
    def events(self) -> list[Frame]:
        """The durable events."""
        return [frame for frame in self.frames if frame.id is not None]

    def wait_for_events(self, count: int, seconds: float = 15) -> list[Frame]:
        """At least so many events."""
        self.wait(lambda: len(self.events) >= count, seconds)
        return self.events
