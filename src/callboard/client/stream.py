"""Follows the coordinator's stream over any number of connections: by cursor, without gap or duplicate."""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from callboard.client import clock
from callboard.client.call import QueryValue
from callboard.client.retry import RetryPolicy, is_passing
from callboard.client.transport import AsyncClient, Client
from callboard.domain.errors import CallboardError, Internal
from callboard.wire.responses import Event

if TYPE_CHECKING:
    import httpx2

PATH: Final = "/sse/sessions"
REMEMBERED_SESSIONS: Final = 10_000
_CONTROL: Final = frozenset({"ready", "gap", "delta"})


@dataclass(frozen=True, kw_only=True)
class StreamFilter:
    """Which events are wanted; a field that is empty does not restrict."""

    session_id: str | None = None
    root_session_id: str | None = None
    types: tuple[str, ...] = ()


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The connection stands; `cursor` is where the log ends now."""

    cursor: str = ""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Events older than the retained log are gone; `data` has the range."""

    data: dict[str, Any]


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a message that is being written; the stored message replaces it."""

    session_id: str = ""
    run_id: str
    attempt: int
    message_key: str
    offset: int
    text: str


StreamFrame = Event | Delta | Ready | Gap


async def follow_async(
    client: AsyncClient,
    filters: StreamFilter | None = None,
    *,
    after: str | None = None,
    patience_seconds: float | None = None,
) -> AsyncGenerator[StreamFrame]:
    """Every frame from a cursor on (None: from now), for ever; close it with `contextlib.aclosing`.

    Connections that end or break are made again. Raises what the coordinator refuses, and Unreachable when it was
    away for `patience_seconds` (None: waits for ever).
    """
    position, outage = Position(filters or StreamFilter(), after), Outage(patience_seconds)
    while True:
        try:
            async with client.open_stream(PATH, position.query()) as source:
                async for sent in source:
                    outage.end()
                    for frame in position.take(sent):
                        yield frame
        except CallboardError as error:
            outage.check(error)
        await clock.pause_async(outage.pause_seconds(position.retry_seconds))


def follow(
    client: Client,
    filters: StreamFilter | None = None,
    *,
    after: str | None = None,
    patience_seconds: float | None = None,
) -> Generator[StreamFrame]:
    """The same as `follow_async`, for plain code; close it with `contextlib.closing`."""
    position, outage = Position(filters or StreamFilter(), after), Outage(patience_seconds)
    while True:
        try:
            with client.open_stream(PATH, position.query()) as source:
                for sent in source:
                    outage.end()
                    yield from position.take(sent)
        except CallboardError as error:
            outage.check(error)
        clock.pause(outage.pause_seconds(position.retry_seconds))


class Position:
    """How far a reader has come, over all its connections."""

    def __init__(self, filters: StreamFilter, after: str | None) -> None:
        self.cursor = after
        self.retry_seconds: float | None = None
        self._filters = filters
        self._last_seq: OrderedDict[str, int] = OrderedDict()

    def query(self) -> dict[str, QueryValue]:
        """The query of the next connection."""
        wanted = {
            "session_id": self._filters.session_id,
            "root_session_id": self._filters.root_session_id,
            "types": ",".join(self._filters.types),
            "after": self.cursor,
        }
        return {name: value for name, value in wanted.items() if value}

    def take(self, sent: "httpx2.ServerSentEvent") -> Iterator[StreamFrame]:
        """The frame in what was sent; none for a duplicate or for a control frame that is not known here."""
        self.retry_seconds = self.retry_seconds if sent.retry is None else sent.retry / 1000
        if not sent.data:
            return
        try:
            if sent.event in _CONTROL:
                yield from self._control(sent.event, sent.data)
            else:
                yield from self._event(sent)
        except msgspec.DecodeError as problem:
            raise Internal(f"A frame {sent.event!r} of the stream is not in the known form: {problem}.") from problem

    def _event(self, sent: "httpx2.ServerSentEvent") -> Iterator[Event]:
        event = msgspec.json.decode(sent.data, type=Event)
        self.cursor = sent.id or event.cursor
        if self._is_new(event):
            yield event

    def _control(self, name: str, data: str) -> Iterator[StreamFrame]:
        if name == "ready":
            ready = msgspec.json.decode(data, type=Ready)
            # Without a cursor a later connection would begin at its own present and miss what came between.
            self.cursor = self.cursor or ready.cursor
            yield ready
        elif name == "gap":
            yield Gap(data=msgspec.json.decode(data, type=dict[str, Any]))
        elif name == "delta":
            yield msgspec.json.decode(data, type=Delta)

    def _is_new(self, event: Event) -> bool:
        if event.seq <= self._last_seq.get(event.session_id, 0):
            return False
        self._last_seq[event.session_id] = event.seq
        self._last_seq.move_to_end(event.session_id)
        while len(self._last_seq) > REMEMBERED_SESSIONS:
            self._last_seq.popitem(last=False)
        return True


class Outage:
    """Counts failures in a row and how long they last."""

    def __init__(self, patience_seconds: float | None) -> None:
        self._patience_seconds = patience_seconds
        self._policy = RetryPolicy(first_pause_seconds=0.1, longest_pause_seconds=5.0)
        self._failures = 0
        self._since: float | None = None

    def end(self) -> None:
        """Something arrived."""
        self._failures, self._since = 0, None

    def check(self, error: CallboardError) -> None:
        """Raise the error if it will not pass, or has lasted too long."""
        if not is_passing(error):
            raise error
        now = clock.monotonic_seconds()
        self._since = now if self._since is None else self._since
        if self._patience_seconds is not None and now - self._since >= self._patience_seconds:
            raise error

    def pause_seconds(self, wished_seconds: float | None) -> float:
        """The pause before the next connection."""
        self._failures += 1
        return self._policy.pause_seconds(self._failures, clock.jitter(), wished_seconds)
