"""Carries pieces of messages between coordinators by NOTIFY, on the connections of the relay, while others want them.

What is lost is not told again: the stored message has it all.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

import psycopg

from callboard.domain.piece import Piece
from callboard.store.database import PieceListener
from callboard.store.piece_messages import pack_pieces, unpack_pieces

GROUP_SECONDS: Final = 0.05
"""Pieces of this time go out together, those that follow one another as one."""
MAX_WAITING: Final = 128 * 1024
"""Characters; beyond them the oldest pieces are left out."""
OVERHEAD: Final = 200
"""What a piece counts besides its characters."""
MAX_JOINED: Final = 16_384
MAX_UNHEARD: Final = 256
"""Messages that wait for the event loop."""
SAY_SECONDS: Final = 2.0
"""Whoever wants pieces says so this often."""
WANTED_SECONDS: Final = 7.0
"""For so long that holds."""


class PostgresPieces:
    """A queue between the event loop and the relay's two threads. Made on the event loop."""

    def __init__(self, own: str, channel: str, wake: Callable[[], None]) -> None:
        """`own` names this process; `wake` lets the sender look at once. A channel's name is of [a-z0-9_]."""
        self.channel = channel
        self.left_out = 0
        self._own = own
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._listener: PieceListener | None = None
        self._lock = threading.Lock()
        self._waiting: dict[int, Piece] = {}
        """By a number that grows."""
        self._last: dict[tuple[str, int, str], int] = {}
        """The number of the last one of each message."""
        self._next = 0
        self._size = 0
        self._unheard = 0
        self._wants = False
        self._wanted_until = 0.0
        self._send_at = 0.0
        self._say_at = 0.0

    def tell(self, piece: Piece) -> None:
        """Kept for the sender; nothing at all while nobody elsewhere wants it."""
        if time.monotonic() >= self._wanted_until:
            return
        with self._lock:
            first = not self._waiting
            self._keep(piece)
            while self._size > MAX_WAITING:
                self._leave_out_oldest()
        if first:
            self._wake()

    def want(self, wanted: bool) -> None:
        """Others hear at once that pieces are wanted here; that they are not, soon."""
        self._wants = wanted
        self._say_at = 0.0
        self._wake()

    def subscribe(self, listener: PieceListener) -> None:
        """Called on the event loop."""
        self._listener = listener

    def _keep(self, piece: Piece) -> None:
        number = self._last.get(piece.message)
        before = self._waiting[number] if number is not None else None
        if number is not None and before is not None and _follows(before, piece):
            self._waiting[number] = before.joined(piece)
            self._size += len(piece.text)
            return
        self._waiting[self._next] = piece
        self._last[piece.message] = self._next
        self._next += 1
        self._size += len(piece.text) + OVERHEAD

    def _leave_out_oldest(self) -> None:
        number = next(iter(self._waiting))
        piece = self._waiting.pop(number)
        if self._last[piece.message] == number:
            del self._last[piece.message]
        self._size -= len(piece.text) + OVERHEAD
        self.left_out += 1

    def _taken(self) -> list[Piece]:
        with self._lock:
            pieces = list(self._waiting.values())
            self._waiting, self._last, self._size = {}, {}, 0
        return pieces

    def _count_left_out(self, pieces: int) -> None:
        with self._lock:
            self.left_out += pieces

    def connected(self) -> None:
        """For the sender: a new connection stands. What waited for it is old by now."""
        self._count_left_out(len(self._taken()))
        self._say_at = 0.0

    def wait_seconds(self) -> float | None:
        """For the sender: how long it may sleep unless it is woken; None is for ever."""
        due = [self._say_at] if self._wants else []
        due += [self._send_at] if self._waiting else []
        return max(0.0, min(due) - time.monotonic()) if due else None

    def send(self, connection: psycopg.Connection) -> None:
        """For the sender: what is due by now. psycopg.Error when a new connection is needed."""
        now = time.monotonic()
        pieces = self._taken() if now >= self._send_at else []
        if not pieces and not (self._wants and now >= self._say_at):
            return
        # Before `wants` is read: whoever begins to want meanwhile is told with the next one.
        self._say_at = now + SAY_SECONDS
        try:
            _notify(connection, self.channel, pack_pieces(self._own, self._wants, pieces))
        except psycopg.Error:
            self._count_left_out(len(pieces))
            raise
        self._send_at = time.monotonic() + GROUP_SECONDS

    def heard(self, text: str) -> None:
        """For the listener: a message of the channel, which may be our own, or anybody's."""
        message = unpack_pieces(text)
        if message is None or message.sender == self._own:
            return
        if message.wants:
            self._wanted_until = time.monotonic() + WANTED_SECONDS
        if not message.pieces or not self._wants:
            return
        with self._lock:
            too_many = self._unheard >= MAX_UNHEARD
            self._unheard += not too_many
        if too_many:
            self._count_left_out(len(message.pieces))
            return
        with contextlib.suppress(RuntimeError):  # the event loop has ended
            self._loop.call_soon_threadsafe(self._deliver, message.sender, message.pieces)

    def _deliver(self, sender: str, pieces: list[Piece]) -> None:
        with self._lock:
            self._unheard -= 1
        if self._listener is not None:
            self._listener(sender, pieces)


def _follows(before: Piece, piece: Piece) -> bool:
    return before.end == piece.offset and len(before.text) + len(piece.text) <= MAX_JOINED


def _notify(connection: psycopg.Connection, channel: str, messages: list[str]) -> None:
    """In one transaction, in order. Two that are the same are told once, which is as well."""
    connection.execute("SELECT pg_notify(%s, message) FROM unnest(%s::TEXT[]) message", [channel, messages])
