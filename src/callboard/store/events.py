"""Appends events to the logs of sessions and reads them back by number; a batch is one row.

Knows no stream and no callers, and nothing of what a payload means beyond the size it may have.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, field

from callboard.domain.errors import NotFound
from callboard.domain.event import MAX_PAYLOAD_BYTES
from callboard.store.cursor import Cursor
from callboard.store.database import Row, Transaction
from callboard.store.hints import Appended

HEAD_BYTES: Final = 64 * 1024
"""How much of a payload that is too large is kept, as text."""
MAX_KEPT_FIELD: Final = 200
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
HEADS_AT_ONCE: Final = 500
MAX_HEAD_READS: Final = 20
_KEPT_FIELDS: Final = ("tool_use_id", "tool_name", "role", "is_error", "message_key", "parent_tool_use_id")


class NewEvent(Struct, frozen=True):
    """An event before it has a number. `payload` is JSON text in UTF-8; `source_at` in Unix milliseconds."""

    type: str
    payload: bytes | Raw = b"{}"
    source_at: int | None = None
    client_key: str | None = None


class StoredEvent(Struct, frozen=True):
    """One entry of a session's log. Times in Unix milliseconds; `payload` is one line of JSON."""

    session_id: str
    root_session_id: str
    seq: int
    cursor: str
    run_id: str | None
    attempt: int | None
    type: str
    at: int
    source_at: int | None
    payload: Raw


class EventPage(Struct, frozen=True):
    """Events in order; `next_after` is the number to go on from, None at the end of the log.

    A page may be shorter than asked for, even empty, and have a successor: reading is bounded.
    """

    events: list[StoredEvent]
    next_after: int | None


class _Element(Struct, omit_defaults=True):
    """One event inside a block."""

    type: str = field(name="y")
    payload: Raw = field(name="p")
    client_key: str | None = field(default=None, name="k")
    source_at: int | None = field(default=None, name="s")


class _Key(Struct):
    """Of an event inside a block only its key."""

    client_key: str | None = field(default=None, name="k")


_encoder: Final = msgspec.json.Encoder()
_elements: Final = msgspec.json.Decoder(list[_Element])
_keys: Final = msgspec.json.Decoder(list[_Key])


def append(
    tx: Transaction,
    session_id: str,
    root_session_id: str,
    events: Sequence[NewEvent],
    *,
    run_id: str | None = None,
    attempt: int | None = None,
    keyed: bool = False,
    counted: bool = True,
) -> list[int]:
    """Stores events in the order given and returns their numbers in the session's log. NotFound `session_not_found`.

    With `keyed` every event has a client key; one that this attempt has stored before, or that comes twice, is not
    stored again and gets its first number. New ones are counted in the run's event_count, unless `counted` is false:
    what an agent posts itself is no part of its runner's report.
    """
    if not events:
        return []
    tx.lock_session(session_id)
    if not keyed or (counted and _extends_keys(tx, events, run_id, attempt)):
        first = _store(tx, session_id, root_session_id, events, run_id, attempt)
        return list(range(first, first + len(events)))
    known = _known_seqs(tx, run_id, attempt, {_key_of(event) for event in events})
    new = {_key_of(event): event for event in reversed(events) if event.client_key not in known}
    if new:
        ordered = [event for event in events if new.get(_key_of(event)) is event]
        first = _store(tx, session_id, root_session_id, ordered, run_id, attempt)
        known.update((_key_of(event), first + index) for index, event in enumerate(ordered))
        if counted:
            tx.run("count_events", run_id=run_id, attempt=attempt, count=len(ordered), last_key=max(new))
    return [known[_key_of(event)] for event in events]


def page_by_seq(
    tx: Transaction, session_id: str, after: int, limit: int, types: frozenset[str] = frozenset()
) -> EventPage:
    """Up to `limit` events of a session with numbers above `after`, of these types or, when empty, of all."""
    found: list[StoredEvent] = []
    size = 0
    for _ in range(MAX_HEAD_READS):
        heads = tx.all("event_heads_by_seq", session_id=session_id, after=after, limit=HEADS_AT_ONCE)
        for head in heads:
            for event in _wanted(tx, head, after, types):
                size += memoryview(event.payload).nbytes
                if len(found) == limit or (found and size > MAX_PAGE_BYTES):
                    return EventPage(found, found[-1].seq)
                found.append(event)
            after = head["last_seq"]
        if len(heads) < HEADS_AT_ONCE:
            return EventPage(found, None)
    return EventPage(found, after)


def _wanted(tx: Transaction, head: Row, after: int, types: frozenset[str]) -> list[StoredEvent]:
    """The events of a batch above a number and of these types; a batch without such types stays unread."""
    if types and types.isdisjoint(head["types"].split()):
        return []
    batch = tx.one("event_batch", batch_id=head["batch_id"])
    events = events_of(batch) if batch else []
    return [event for event in events if event.seq > after and (not types or event.type in types)]


def events_of(batch: Row) -> list[StoredEvent]:
    """The events of a batch read whole, in order."""
    batch_id, first_seq = batch["batch_id"], batch["first_seq"]
    return [
        StoredEvent(
            session_id=batch["session_id"],
            root_session_id=batch["root_session_id"],
            seq=first_seq + index,
            cursor=str(Cursor(batch["transaction_id"], batch_id, index)),
            run_id=batch["run_id"],
            attempt=batch["attempt"],
            type=element.type,
            at=batch["at"],
            source_at=element.source_at,
            payload=element.payload,
        )
        for index, element in enumerate(_elements.decode(batch["block"]))
    ]


def cut(payload: bytes) -> bytes:
    """The payload on one line; one over its size as its beginning, marked `truncated`, with its small known fields."""
    if b"\n" in payload or b"\r" in payload:
        payload = msgspec.json.format(payload, indent=-1)
    if len(payload) <= MAX_PAYLOAD_BYTES:
        return payload
    kept = {name: value for name, value in _fields(payload).items() if name in _KEPT_FIELDS and _is_small(value)}
    head = payload[:HEAD_BYTES].decode(errors="ignore")
    return _encoder.encode(kept | {"truncated": True, "bytes": len(payload), "head": head})


def _fields(payload: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {}


def _is_small(value: Any) -> bool:
    return isinstance(value, bool | int | None) or (isinstance(value, str) and len(value) <= MAX_KEPT_FIELD)


def _key_of(event: NewEvent) -> str:
    if event.client_key is None:
        raise ValueError(f"an event of type {event.type} that must be stored once has no key")
    return event.client_key


def _extends_keys(tx: Transaction, events: Sequence[NewEvent], run_id: str | None, attempt: int | None) -> bool:
    """Counts the events at once when no key of theirs can be stored already; else does nothing."""
    keys = [_key_of(event) for event in events]
    if any(later <= earlier for earlier, later in pairwise(keys)):
        return False
    changed = tx.run(
        "extend_keys", run_id=run_id, attempt=attempt, count=len(keys), first_key=keys[0], last_key=keys[-1]
    )
    return changed == 1


def _known_seqs(tx: Transaction, run_id: str | None, attempt: int | None, keys: set[str]) -> dict[str, int]:
    """The numbers of those keys that the attempt has stored."""
    wanted = sorted(keys)
    heads = tx.all("batches_covering_keys", run_id=run_id, attempt=attempt, least=wanted[0], greatest=wanted[-1])
    known: dict[str, int] = {}
    for head in heads:
        place = bisect_left(wanted, head["first_key"])
        if place < len(wanted) and wanted[place] <= head["last_key"]:
            known |= _seqs_in(tx, head["batch_id"], keys)
    return known


def _seqs_in(tx: Transaction, batch_id: int, keys: set[str]) -> dict[str, int]:
    batch = tx.one("event_block", batch_id=batch_id)
    elements = _keys.decode(batch["block"]) if batch else []
    return {
        element.client_key: batch["first_seq"] + index
        for index, element in enumerate(elements)
        if batch and element.client_key is not None and element.client_key in keys
    }


def _store(
    tx: Transaction,
    session_id: str,
    root_session_id: str,
    events: Sequence[NewEvent],
    run_id: str | None,
    attempt: int | None,
) -> int:
    """Writes one row and returns the number of its first event."""
    taken = tx.one("take_seqs", session_id=session_id, count=len(events))
    if taken is None:
        raise NotFound(f"There is no session {session_id}.", code="session_not_found")
    keys = [event.client_key for event in events if event.client_key is not None]
    first = taken["last_seq"] - len(events) + 1
    inserted = tx.one(
        "insert_event_batch",
        transaction_id=taken["last_transaction"],
        session_id=session_id,
        first_seq=first,
        last_seq=taken["last_seq"],
        run_id=run_id,
        attempt=attempt,
        first_key=min(keys, default=None),
        last_key=max(keys, default=None),
        types=f" {' '.join(sorted({event.type for event in events}))} ",
        now=tx.now_ms,
        block=_block(events),
    )
    tx.hint(Appended(session_id, root_session_id, inserted["batch_id"] if inserted else 0))
    return int(first)


def _block(events: Sequence[NewEvent]) -> str:
    elements = [
        _Element(event.type, Raw(cut(bytes(event.payload))), event.client_key, event.source_at) for event in events
    ]
    return _encoder.encode(elements).decode()
