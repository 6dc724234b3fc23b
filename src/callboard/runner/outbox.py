"""The one ordered way out of an attempt: events, bindings and usage leave in the order in which they happened.

Holds a bounded amount; the journal behind it is the real store, so nothing here has to survive.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
import structlog

from callboard.domain.errors import CallboardError
from callboard.domain.event import MAX_BATCH, NOTE, may_report
from callboard.domain.invocation import Approve, Withdraw
from callboard.domain.usage import UsageRow
from callboard.wire.runner import PostedEvent

MAX_WAITING: Final = 4 * MAX_BATCH
MAX_WAITING_BYTES: Final = 4 * 1024 * 1024
MAX_BATCH_BYTES: Final = 2 * 1024 * 1024
MAX_USAGE_ROWS: Final = 500
_LOG = structlog.get_logger(__name__)


class Poster(Protocol):
    """Where the outbox delivers; each call returns when the coordinator has accepted it."""

    async def events(self, batch: list[PostedEvent], *, patient: bool = False) -> None: ...
    async def bind(self, executor_session_id: str) -> None: ...
    async def usage(self, rows: list[UsageRow], *, incomplete: bool) -> None: ...
    async def ask(self, asked: Approve) -> None: ...
    async def settled(self, request_id: str) -> None: ...


class BoundId(msgspec.Struct, frozen=True):
    """A native id to bind."""

    executor_session_id: str


class Booking(msgspec.Struct, frozen=True):
    """Usage to book."""

    rows: list[UsageRow]
    incomplete: bool


_Item = PostedEvent | BoundId | Booking | Approve | Withdraw


class _Waiting:
    """An item, its size in bytes, and the journal position that is safe once it is accepted."""

    __slots__ = ("item", "mark", "size")

    def __init__(self, item: _Item, size: int) -> None:
        self.item = item
        self.size = size
        self.mark: tuple[int, int] | None = None


class Outbox:
    """Items in order, and the loop that posts them. `accepted` is called with (launch, offset) as they get safe."""

    def __init__(self, poster: Poster, accepted: Callable[[int, int], None]) -> None:
        self.event_count = 0
        """How many events of the attempt were made, posted or not."""
        self._poster = poster
        self._accepted = accepted
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._roomy = asyncio.Event()
        self._roomy.set()

    @property
    def is_empty(self) -> bool:
        """Whether everything was accepted."""
        return not self._waiting

    def add_event(self, event: PostedEvent) -> None:
        """Queue an event."""
        self.event_count += 1
        self._add(event, len(event.payload))

    def count_accepted(self) -> None:
        """Count an event that an earlier process of this runner has posted."""
        self.event_count += 1

    def add_binding(self, executor_session_id: str) -> None:
        """Queue a binding."""
        self._add(BoundId(executor_session_id), 0)

    def add_usage(self, rows: list[UsageRow], *, incomplete: bool) -> None:
        """Queue usage."""
        for first in range(0, len(rows), MAX_USAGE_ROWS):
            self._add(Booking(rows[first : first + MAX_USAGE_ROWS], incomplete), 200 * len(rows))
        if incomplete and not rows:
            self._add(Booking([], incomplete), 0)

    def add_approval(self, about: Approve | Withdraw) -> None:
        """Queue a request for permission, or that the agent does not wait for its decision any more."""
        self._add(about, 0 if isinstance(about, Withdraw) else len(_encoded(about.tool_input)))

    def mark(self, launch: int, offset: int) -> None:
        """Everything of this launch before this offset is in the box."""
        if self._waiting:
            self._waiting[-1].mark = (launch, offset)
        else:
            self._accepted(launch, offset)

    async def room(self) -> None:
        """Return when there is room for more."""
        await self._roomy.wait()

    async def emptied(self) -> None:
        """Return when everything was accepted."""
        await self._drained.wait()

    async def post_all(self) -> None:
        """Post for ever, what came first first. Raises what the poster raises and repeating does not cure."""
        while True:
            await self._filled.wait()
            while self._waiting:
                done = self._head()
                await self._post(done)
                self._remove(done)

    def _add(self, item: _Item, size: int) -> None:
        self._waiting.append(_Waiting(item, size))
        self._bytes += size
        self._filled.set()
        self._drained.clear()
        if len(self._waiting) >= MAX_WAITING or self._bytes >= MAX_WAITING_BYTES:
            self._roomy.clear()

    def _head(self) -> list[_Waiting]:
        """As many events as fit into one batch, or the one other item that stands in front."""
        first = self._waiting[0]
        if not isinstance(first.item, PostedEvent):
            return [first]
        batch: list[_Waiting] = []
        size = 0
        for one in self._waiting:
            size += one.size
            if not isinstance(one.item, PostedEvent) or (batch and size > MAX_BATCH_BYTES):
                break
            batch.append(one)
            if len(batch) == MAX_BATCH:
                break
        return batch

    async def _post(self, head: list[_Waiting]) -> None:
        match head[0].item:
            case BoundId() as bound:
                await self._poster.bind(bound.executor_session_id)
            case Booking() as booking:
                await self._book(booking)
            case Approve() as asked:
                await self._poster.ask(asked)
            case Withdraw() as withdrawn:
                await self._poster.settled(withdrawn.request_id)
            case _:
                await self._post_events([one.item for one in head if isinstance(one.item, PostedEvent)])

    async def _book(self, booking: Booking) -> None:
        try:
            await self._poster.usage(booking.rows, incomplete=booking.incomplete)
        except CallboardError as error:
            _LOG.error("usage_refused", code=error.code, detail=error.detail, rows=len(booking.rows))

    async def _post_events(self, batch: list[PostedEvent]) -> None:
        """Post a batch; when the coordinator refuses it, find the event that it refuses and say so in its place."""
        try:
            await self._poster.events(batch)
        except CallboardError as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._post_events(batch[:middle])
                await self._post_events(batch[middle:])
            else:
                await self._post_refused(batch[0], error)

    async def _post_refused(self, event: PostedEvent, error: CallboardError) -> None:
        _LOG.error("event_refused", key=event.client_key, type=event.type, code=error.code, detail=error.detail)
        try:
            await self._poster.events([refusal_note(event, f"{error.code}: {error.detail}")], patient=True)
        except CallboardError:
            self.event_count -= 1

    def _remove(self, done: list[_Waiting]) -> None:
        for one in done:
            self._waiting.popleft()
            self._bytes -= one.size
        marks = [one.mark for one in done if one.mark]
        if marks:
            self._accepted(*marks[-1])
        if not self._waiting:
            self._filled.clear()
            self._drained.set()
        if len(self._waiting) < MAX_WAITING // 2 and self._bytes < MAX_WAITING_BYTES // 2:
            self._roomy.set()


def posted_event(client_key: str, event_type: str, payload: dict[str, Any], source_at_ms: int) -> PostedEvent:
    """An event as it is posted; text that cannot be encoded is replaced, a type that is not ours becomes a note."""
    event = PostedEvent(
        client_key=client_key, type=event_type, payload=msgspec.Raw(_encoded(payload)), source_at=source_at_ms
    )
    return event if may_report(event_type) else refusal_note(event, "only the coordinator writes this type")


def refusal_note(event: PostedEvent, why: str) -> PostedEvent:
    """What stands in the log in place of an event that may not be there."""
    text = f"An event of the type {event.type[:64]!r} was left out: {why[:2000]}"
    payload = msgspec.Raw(msgspec.json.encode({"text": text}))
    return PostedEvent(client_key=event.client_key, type=NOTE, payload=payload, source_at=event.source_at)


def _encoded(payload: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(payload)
    except UnicodeEncodeError:
        return msgspec.json.encode(_cleaned(payload))


def _cleaned(value: Any) -> Any:
    """A JSON value in which halves of surrogate pairs are replaced."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_cleaned(child) for child in value]
    return value
