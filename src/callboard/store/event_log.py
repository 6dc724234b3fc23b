"""The log of all sessions in one order: what follows a cursor, where it begins and ends, and forgetting its beginning.

Knows no stream: who follows the log remembers its own cursor.
"""

from typing import Final

from msgspec import Struct

from callboard.store.cursor import START, Cursor, parse_cursor
from callboard.store.database import Row, Transaction
from callboard.store.events import StoredEvent, events_of

MAX_BYTES: Final = 4 * 1024 * 1024
"""How much of the log one read or one pruning takes, unless a single batch is larger."""
PRUNED_KEY: Final = "events_pruned_through"


class Following(Struct, frozen=True):
    """Events behind a cursor, in order, and the cursor behind the last of them; `more` may follow at once."""

    events: list[StoredEvent]
    cursor: Cursor
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
    return Following(events, cursor, more=len(taken) < len(heads) or len(heads) == limit)


def current_cursor(tx: Transaction) -> Cursor:
    """The end of the log as it is now."""
    newest = tx.one("newest_event_batch")
    return _end_of(newest) if newest else retained_after(tx)


def retained_after(tx: Transaction) -> Cursor:
    """Behind this place nothing was pruned; a consumer with a lesser cursor has a gap."""
    row = tx.one("meta_value", key=PRUNED_KEY)
    return parse_cursor(row["value"]) if row else START


def prune(tx: Transaction, before_ms: int, limit: int = 200) -> int:
    """Forgets the oldest batches written before a time, few enough to hold up nobody; returns how many."""
    heads = tx.all("oldest_event_batches", limit=limit)
    old = next((index for index, head in enumerate(heads) if head["at"] >= before_ms), len(heads))
    taken = heads[:old][: _fitting(heads)]
    if not taken:
        return 0
    last = taken[-1]
    tx.run("set_meta_value", key=PRUNED_KEY, value=str(_end_of(last)))
    return tx.run("delete_event_batches_through", **_place(_end_of(last)))


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


def _fitting(heads: list[Row]) -> int:
    """How many of the first batches to take: as many as fit into a bounded memory, at least one."""
    total = 0
    for index, head in enumerate(heads):
        total += head["bytes"]
        if total > MAX_BYTES:
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
