"""Pieces of messages on their way to the readers of this process, those of one message in the order of their offsets.

They come from runners and from other coordinators, those of one message perhaps by several ways. Knows no reader.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec

from callboard.domain import event as event_types
from callboard.domain.piece import MAX_KEY, Piece
from callboard.wire.responses import Event

HERE: Final = ""
"""The way of what a runner posted to this process; the other ways are the names of other processes."""
MAX_PENDING: Final = 4 * 1024 * 1024
"""Characters."""
MAX_HELD: Final = 1024 * 1024
"""Characters of pieces that wait for the one before them."""
OVERHEAD: Final = 300
"""What a piece counts besides its characters."""
HOLD_SECONDS: Final = 0.25
"""How long a piece waits for the one before it: a few times of what another coordinator needs to pass that on."""
LATE_SECONDS: Final = 10.0
"""For so long a piece from elsewhere may come after the message to which it belongs."""
MAX_MESSAGES: Final = 5_000

Message = tuple[str, int, str]


class _Keyed(msgspec.Struct):
    message_key: str | None = None


_keyed: Final = msgspec.json.Decoder(_Keyed)


class _Progress(msgspec.Struct):
    """How far a message was given out, and what is held behind a hole until a time."""

    way: str
    end: int = 0
    mixed: bool = False
    """Whether its pieces came by several ways: then one may come twice, or late."""
    held: list[tuple[str, Piece]] = []
    held_until: float = 0.0


class Pieces:
    """Those that wait to be given out, and what is known of their messages. All times are on one clock, in seconds."""

    def __init__(self, *, alone: bool) -> None:
        """`alone` is a process beside which there can be no other: it takes all as it comes."""
        self._alone = alone
        self._pending: list[tuple[str, Piece]] = []
        self._pending_size = 0
        self._held_size = 0
        self._progress: OrderedDict[Message, _Progress] = OrderedDict()
        self._holding: dict[Message, _Progress] = {}
        self._over: OrderedDict[Message, float] = OrderedDict()
        """Messages that are stored, and runs (with an empty key) that have ended: until when that matters."""

    def add(self, piece: Piece, way: str, now: float) -> bool:
        """Takes a piece; False when it has to wait for the one before it."""
        if self._alone:
            self._give(way, piece)
            return True
        progress = self._progress_of(piece.message, way)
        progress.mixed = progress.mixed or progress.way != way
        if piece.offset > progress.end and self._held_size < MAX_HELD:
            self._hold(progress, way, piece, now)
            return False
        self._go_on(progress, way, piece)
        self._release(piece.message, progress, everything=False)
        return True

    def taken(self, now: float) -> list[Piece]:
        """All that is to be given out now, in order."""
        for message, progress in list(self._holding.items()):
            if progress.held_until <= now:
                self._release(message, progress, everything=True)
        pending, self._pending, self._pending_size = self._pending, [], 0
        return [piece for way, piece in pending if not self._is_over(way, piece, now)]

    def stored(self, events: Iterable[Event], now: float) -> None:
        """These events are given out: pieces from elsewhere of the messages among them are not, from now on."""
        if self._alone:
            return
        for event in events:
            if event.run_id is None or event.attempt is None:
                continue
            if event.type == event_types.RUN_COMPLETED:
                self._end((event.run_id, event.attempt, ""), now)
            elif event.type == event_types.MESSAGE and (key := _key_of(event)):
                self._end((event.run_id, event.attempt, key), now)

    def _hold(self, progress: _Progress, way: str, piece: Piece, now: float) -> None:
        if not progress.held:
            progress.held_until = now + HOLD_SECONDS
            self._holding[piece.message] = progress
        progress.held.append((way, piece))
        self._held_size += len(piece.text) + OVERHEAD

    def _go_on(self, progress: _Progress, way: str, piece: Piece) -> None:
        """Gives out a piece that follows. One way has an order of its own, also when an agent goes back in its text."""
        if progress.mixed and piece.end <= progress.end:
            return
        self._give(way, piece.cut(progress.end, piece.end) if progress.mixed else piece)
        progress.end = piece.end

    def _release(self, message: Message, progress: _Progress, *, everything: bool) -> None:
        """Gives out of what is held that which follows by now; or all, for what is missing does not come any more."""
        held = sorted(self._held_of(message), key=lambda item: item[1].offset)
        for place, (way, piece) in enumerate(held):
            if piece.offset > progress.end and not everything:
                progress.held = held[place:]
                self._holding[message] = progress
                self._held_size += sum(len(kept.text) + OVERHEAD for _, kept in progress.held)
                return
            self._go_on(progress, way, piece)

    def _held_of(self, message: Message) -> list[tuple[str, Piece]]:
        """What is held of a message; it is not any more."""
        progress = self._holding.pop(message, None)
        if progress is None:
            return []
        held, progress.held = progress.held, []
        self._held_size -= sum(len(piece.text) + OVERHEAD for _, piece in held)
        return held

    def _give(self, way: str, piece: Piece) -> None:
        """To the readers with the next group; too much is dropped."""
        size = len(piece.text) + OVERHEAD
        if self._pending_size + size <= MAX_PENDING:
            self._pending.append((way, piece))
            self._pending_size += size

    def _end(self, message: Message, now: float) -> None:
        self._held_of(message)
        self._progress.pop(message, None)
        self._over.pop(message, None)
        self._over[message] = now + LATE_SECONDS
        if len(self._over) > MAX_MESSAGES:
            self._over.popitem(last=False)

    def _is_over(self, way: str, piece: Piece, now: float) -> bool:
        """A runner posts its pieces before the message; it may begin another one of the same key."""
        ends = ((piece.run_id, piece.attempt, ""), piece.message)
        return any(self._over.get(end, 0.0) > now for end in (ends[:1] if way == HERE else ends))

    def _progress_of(self, message: Message, way: str) -> _Progress:
        found = self._progress.get(message)
        if found is None:
            found = self._progress[message] = _Progress(way)
            if len(self._progress) > MAX_MESSAGES:
                oldest, _ = self._progress.popitem(last=False)
                self._held_of(oldest)
        self._progress.move_to_end(message)
        return found


def _key_of(event: Event) -> str:
    """The key of a message; empty when it has none. A piece has no more than the beginning of a long one."""
    try:
        return (_keyed.decode(event.payload).message_key or "")[:MAX_KEY]
    except msgspec.DecodeError:
        return ""
