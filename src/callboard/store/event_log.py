"""The log of all sessions in one order: what follows a cursor, where it begins and ends, and forgetting its beginning.

Knows no stream: who follows the log remembers its own cursor.
"""

from typing import Final

from msgspec import Struct, json

from callboard.store.cursor import START, Cursor, parse_cursor
from callboard.store.database import Row, Transaction
from callboard.store.events import StoredEvent, events_of

MAX_BYTES: Final = 4 * 1024 * 1024
"""How much of the log one read takes, unless a single batch is larger."""
MAX_PRUNED_BYTES: Final = 1024 * 1024
"""How much one pruning forgets at once, unless a single batch is larger: it holds up the writer."""
PRUNED_KEY: Final = "events_pruned_through"


class Following(Struct, frozen=True):
    """Events behind a cursor, in order, and the cursor behind the last of them; `more` may follow at once."""

    events: list[StoredEvent]
    cursor: Cursor
    more: bool
    unsettled: bool
    """Whether more is stored that is given out only when works that began earlier have ended: nothing tells of that."""
    beginning: Cursor
    """Behind this place nothing was pruned when this was read."""


class Pruned(Struct, frozen=True):
    """What one step of forgetting did; the next one begins behind `through`, if there is `more` to do."""

    batches: int
    through: Cursor
    more: bool


def follow(tx: Transaction, after: Cursor, limit: int = 500, session_id: str | None = None) -> Following:
    """What follows a cursor in at most `limit` batches and a few megabytes; of all sessions, or of one."""
    if session_id is None:
        heads = tx.all("event_heads_after", **_place(after), limit=limit)
    else:
        heads = tx.all("event_heads_of_session_after", session_id=session_id, **_place(after), limit=limit)
    taken = heads[: _fitting(heads)]
    events = [event for batch in _batches(tx, taken, session_id) for event in events_of(batch)]
    events = events[_already_seen(events, after) :]
    cursor = parse_cursor(events[-1].cursor) if events else after
    more = len(taken) < len(heads) or len(heads) == limit
    return Following(events, cursor, more, unsettled_end(tx) > cursor, retained_after(tx))


def unsettled_end(tx: Transaction) -> Cursor:
    """Behind all that is stored and not given out yet; START when there is no such thing."""
    last = tx.one("unsettled_event_batch")
    return _end_of(last) if last else START


def current_cursor(tx: Transaction) -> Cursor:
    """The end of the log as it is given out now. What is stored by then may come later: see `unsettled_end`."""
    newest = tx.one("newest_event_batch")
    beginning = retained_after(tx)
    # The newest batch may have been spared by a pruning that forgot all behind it.
    return max(_end_of(newest), beginning) if newest else beginning


def retained_after(tx: Transaction) -> Cursor:
    """Behind this place nothing was pruned; a consumer with a lesser cursor has a gap."""
    row = tx.one("meta_value", key=PRUNED_KEY)
    return parse_cursor(row["value"]) if row else START


def first_seq(tx: Transaction, session_id: str) -> int:
    """The number with which a session's log begins: of its oldest event that is kept, else of its next. 0: none."""
    row = tx.one("first_event_seq", session_id=session_id)
    return int(row["first_seq"]) if row else 0


def prune(tx: Transaction, before_ms: int, after: Cursor = START, limit: int = 200) -> Pruned:
    """Forgets batches behind a place and written before a time, few enough to hold up nobody.

    Sessions with a live or waiting run keep theirs. Of two processes that forget at once, one does nothing.
    """
    heads = tx.all("oldest_event_batches", **_place(after), limit=limit)
    old = next((index for index, head in enumerate(heads) if head["at"] >= before_ms), len(heads))
    taken = heads[:old][: _fitting(heads, MAX_PRUNED_BYTES)]
    if not taken:
        return Pruned(0, after, more=False)
    sessions = json.encode(sorted({head["session_id"] for head in taken})).decode()
    at_work = {row["session_id"] for row in tx.all("sessions_at_work", ids=sessions)}
    gone = [head for head in taken if head["session_id"] not in at_work]
    if gone and not _move_beginning(tx, _end_of(gone[-1])):
        return Pruned(0, after, more=False)
    batches = (
        tx.run("delete_event_batches", ids=json.encode([head["batch_id"] for head in gone]).decode()) if gone else 0
    )
    return Pruned(batches, _end_of(taken[-1]), more=len(taken) < old or old == limit)


def _move_beginning(tx: Transaction, place: Cursor) -> bool:
    """Notes that all may be gone up to a place; false when somebody else moves the beginning."""
    row = tx.one("meta_value", key=PRUNED_KEY)
    if row is not None and parse_cursor(row["value"]) >= place:
        return True
    return tx.run("move_meta_value", key=PRUNED_KEY, value=str(place), was=row["value"] if row else "") == 1


def _place(cursor: Cursor) -> dict[str, int]:
    """The batch of a cursor, as queries take it; with one writer they need no transaction."""
    return {"transaction_id": cursor.transaction, "batch_id": cursor.batch_id}


def _end_of(batch: Row) -> Cursor:
    """The place behind the last event of a batch."""
    return Cursor(batch["transaction_id"], batch["batch_id"], batch["last_seq"] - batch["first_seq"])


def _batches(tx: Transaction, heads: list[Row], session_id: str | None) -> list[Row]:
    if not heads:
        return []
    if session_id is None:
        first, last = heads[0], heads[-1]
        return tx.all(
            "event_batches_between",
            first_transaction=first["transaction_id"],
            first=first["batch_id"],
            last_transaction=last["transaction_id"],
            last=last["batch_id"],
        )
    rows = [tx.one("event_batch", batch_id=head["batch_id"]) for head in heads]
    return [row for row in rows if row is not None]


def _fitting(heads: list[Row], most_bytes: int = MAX_BYTES) -> int:
    """How many of the first batches to take: as many as fit into a bounded memory, at least one."""
    total = 0
    for index, head in enumerate(heads):
        total += head["bytes"]
        if total > most_bytes:
            return max(index, 1)
    return len(heads)


def _already_seen(events: list[StoredEvent], after: Cursor) -> int:
    """How many of the first events stand before the cursor: it may point into a batch."""
    seen = 0
    for event in events:
        if parse_cursor(event.cursor) > after:
            break
        seen += 1
    return seen
