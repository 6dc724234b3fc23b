"""Reads the stream as any client of server-sent events does, and keeps every frame, also one that came twice."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, Final, Self

import httpx2
import msgspec
from anyio.from_thread import BlockingPortal

CONTROL: Final = frozenset({"ready", "gap", "delta"})


class Frame(msgspec.Struct, frozen=True):
    """One frame: its name, its id (empty for control frames) and its data."""

    name: str
    id: str
    data: dict[str, Any]

    @property
    def is_event(self) -> bool:
        return self.name not in CONTROL


class StreamReader:
    """A reader of one filter. A connection that breaks stays broken until `connect`, which goes on behind it."""

    def __init__(self, portal: BlockingPortal, url: str, token: str, query: dict[str, str]) -> None:
        self.frames: list[Frame] = []
        self._event_count = 0
        self._portal = portal
        self._url = f"{url}/sse/sessions"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._query = query
        self._news = threading.Condition()
        self._connection: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The durable events among the frames, as they came."""
        return [frame.data for frame in list(self.frames) if frame.is_event]

    @property
    def last_id(self) -> str:
        """The id of the last frame that had one; of a reader that has read nothing, where its log ended."""
        ids = [frame.id for frame in self.frames if frame.id]
        ready = [frame.data["cursor"] for frame in self.frames if frame.name == "ready"]
        return ids[-1] if ids else (ready[0] if ready else "")

    def connect(self) -> Self:
        """Open a connection, behind the last frame that was read; returns when it stands."""
        count = self._ready_count()
        self._connection = self._portal.start_task_soon(self._read)
        self.until(lambda: self._ready_count() > count, what="a ready frame")
        return self

    def until(self, reached: Callable[[], bool], seconds: float = 30.0, what: str = "what was waited for") -> None:
        """Wait until the frames are such that it is reached."""
        with self._news:
            done = self._news.wait_for(reached, seconds)
        latest = [(frame.name, frame.id) for frame in self.frames[-10:]]
        assert done, f"the stream did not bring {what} within {seconds} s; it has {len(self.frames)} frames: {latest}"

    def until_count(self, count: int, seconds: float = 30.0) -> None:
        """Wait until there are so many events."""
        self.until(lambda: self._event_count >= count, seconds, f"{count} events")

    def until_event(
        self, event_type: str, seconds: float = 30.0, *, run_id: str | None = None, **payload: Any
    ) -> dict[str, Any]:
        """The first event of a type, perhaps of one run, whose payload has these values; waits for it."""

        def matches(event: dict[str, Any]) -> bool:
            fits = event["type"] == event_type and run_id in (None, event["run_id"])
            return fits and payload.items() <= event["payload"].items()

        self.until(lambda: any(map(matches, self.events)), seconds, what=f"{event_type} {payload}")
        return next(filter(matches, self.events))

    def broken(self, seconds: float = 30.0) -> None:
        """Wait until the connection is over."""
        assert self._connection is not None
        self._connection.result(seconds)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.cancel()
            with suppress(CancelledError):
                self._connection.result(10)

    def _ready_count(self) -> int:
        return sum(frame.name == "ready" for frame in self.frames)

    async def _read(self) -> None:
        headers = self._headers | ({"Last-Event-ID": self.last_id} if self.last_id else {})
        timeout = httpx2.Timeout(10, read=60)
        async with httpx2.AsyncClient(timeout=timeout, trust_env=False) as client:
            with suppress(httpx2.TransportError):
                async with client.sse(self._url, params=self._query, headers=headers) as source:
                    assert source.response.status_code == 200, source.response.status_code
                    async for sent in source:
                        if sent.data:
                            self._take(sent)

    def _take(self, sent: httpx2.ServerSentEvent) -> None:
        event_id = "" if sent.event in CONTROL else sent.id
        with self._news:
            self._event_count += sent.event not in CONTROL
            self.frames.append(Frame(sent.event, event_id, msgspec.json.decode(sent.data)))
            self._news.notify_all()
