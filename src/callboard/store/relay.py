"""Hints from one coordinator to the others: packed into small messages, and what the rows say when a message was lost.

Knows no connection: who carries the messages is said elsewhere.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import Struct

from callboard.store.cursor import Cursor
from callboard.store.database import Row, Transaction
from callboard.store.event_log import current_cursor
from callboard.store.hints import Appended, Hint, LookAgain, Queued, RunChanged, RunnersChanged, RunnerTold

MAX_MESSAGE_BYTES: Final = 7_900
"""PostgreSQL takes messages of less than 8,000 bytes."""
MAX_HINTS: Final = 2_000
"""More than these at once say no more than LookAgain."""
HEADS_EACH: Final = 20
"""Of each demand class so many runs are known a second after their hint was lost; the next ones a second later."""
MAX_HEADS: Final = 5_000
MAX_CHANGES: Final = 2_000


class Message(Struct, frozen=True):
    """What goes over the wire; `sender` is one process."""

    sender: str
    hints: list[Hint]


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Message)


def pack(sender: str, hints: Iterable[Hint]) -> list[str]:
    """The hints as messages of bounded size, each hint once; that events were stored is said once for all of them."""
    told = list(dict.fromkeys(_plainer(hint) for hint in hints))
    if len(told) > MAX_HINTS:
        told = [LookAgain()]
    return [_encoder.encode(Message(sender, part)).decode() for part in _parts(sender, told)]


def unpack(text: str, own: str) -> list[Hint]:
    """The hints of another process; none of our own. Of a message that is none of ours: LookAgain."""
    try:
        message = _decoder.decode(text)
    except msgspec.DecodeError:
        return [LookAgain()]
    return [] if message.sender == own else message.hints


def _plainer(hint: Hint) -> Hint:
    return Appended("", "", 0) if isinstance(hint, Appended) else hint


def _parts(sender: str, hints: list[Hint]) -> Iterator[list[Hint]]:
    part: list[Hint] = []
    empty = len(_encoder.encode(Message(sender, [])))
    size = empty
    for hint in hints:
        more = len(_encoder.encode(hint)) + 1
        if part and size + more > MAX_MESSAGE_BYTES:
            yield part
            part, size = [], empty
        part.append(hint)
        size += more
    if part:
        yield part


class Lookout:
    """What the rows tell whoever may have lost a hint; remembers where it has looked."""

    def __init__(self) -> None:
        self._cursor: Cursor | None = None
        self._fleet: Row | None = None

    def look(self, tx: Transaction) -> list[Hint]:
        """Hints for what changed since the last look, and for what waits to be claimed; bounded."""
        heads = tx.all("queue_heads", each=HEADS_EACH, limit=MAX_HEADS)
        waiting = [msgspec.convert(row, Queued) for row in heads]
        return [*self._runs(tx), *self._runners(tx), *waiting]

    def _runs(self, tx: Transaction) -> Iterator[Hint]:
        first, last = self._cursor, current_cursor(tx)
        self._cursor = last
        if first is None or first >= last:
            return
        rows = tx.all(
            "runs_changed_between",
            first_transaction=first.transaction,
            first=first.batch_id,
            last_transaction=last.transaction,
            last=last.batch_id,
            limit=MAX_CHANGES,
        )
        yield Appended("", "", 0)
        if len(rows) == MAX_CHANGES:
            yield LookAgain()
            return
        for row in rows:
            yield RunChanged(row["run_id"], row["session_id"], row["status"])
            if row["stop_requested_at"] is not None and row["runner_id"]:
                yield RunnerTold(row["runner_id"])

    def _runners(self, tx: Transaction) -> Iterator[Hint]:
        mark = tx.one("fleet_mark")
        if self._fleet is not None and mark != self._fleet:
            yield RunnersChanged()
        self._fleet = mark
