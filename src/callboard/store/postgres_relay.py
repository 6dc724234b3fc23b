"""Carries hints between coordinators by NOTIFY, and looks for itself every second in case one was lost.

Decides nothing: what is heard are wake-ups, the truth is in the rows. Its threads carry pieces of messages, too.
"""

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Final

import psycopg
import structlog

from callboard.domain.errors import CallboardError
from callboard.store.hints import Appended, Hint, LookAgain
from callboard.store.postgres_connection import BEGIN_READ, Snapshot, connect, first_line, log_settled
from callboard.store.postgres_pieces import PostgresPieces
from callboard.store.postgres_worker import Place
from callboard.store.queries import Queries
from callboard.store.relay import Lookout, pack, unpack

CHANNEL: Final = "callboard"
FAREWELL: Final = pack("", [Appended("", "", 0)])
"""Wakes the listener of whoever closes; to everybody else it says something that is true at any time."""
GROUP_SECONDS: Final = 0.01
"""Hints of this time go out together: a commit with NOTIFY waits for every other one of the server."""
LOOK_SECONDS: Final = 1.0
SLICE_SECONDS: Final = 0.25
"""How long closing may have to wait for a listener that could not be told."""
RECONNECT_SECONDS: Final = (0.1, 0.5, 1.0)
"""No longer than between two looks: whoever waits for something notices no more of a lost connection than of a hint."""
MAX_WAITING: Final = 20_000

Hear = Callable[[list[Hint]], None]

log = structlog.get_logger(__name__)


class Relay:
    """Two threads: one tells the other coordinators what was committed here, one hears what they commit."""

    def __init__(self, place: Place, queries: Queries, hear: Hear) -> None:
        """`hear` is called on a thread of ours with the hints of others."""
        self._place = place
        self._queries = queries
        self._hear = hear
        self._own = uuid.uuid4().hex
        self._waiting: deque[Hint] = deque(maxlen=MAX_WAITING)
        self._filled = threading.Event()
        self._closing = threading.Event()
        self.pieces = PostgresPieces(self._own, place.pieces_channel, self._filled.set)
        self.threads = [
            threading.Thread(target=self._again_and_again, args=(work,), name=name, daemon=True)
            for work, name in ((self._send, "postgres-sender"), (self._listen, "postgres-listener"))
        ]

    def tell(self, hints: list[Hint]) -> None:
        """For writers: other coordinators should hear of this commit soon."""
        self._waiting.extend(hints)
        self._filled.set()

    def close(self) -> None:
        """Ends the threads within a moment."""
        self._closing.set()
        self._filled.set()

    def _again_and_again(self, work: Callable[[psycopg.Connection], None]) -> None:
        """Works on one connection, and on the next one when that is lost."""
        tries = 0
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                with connect(self._place.conninfo, self._place.transaction_offset) as connection:
                    work(connection)
            except (psycopg.Error, CallboardError) as error:
                if time.monotonic() - began > RECONNECT_SECONDS[-1]:
                    tries = 0
                pause = RECONNECT_SECONDS[min(tries, len(RECONNECT_SECONDS) - 1)]
                tries += 1
                log.warning("hints between coordinators are interrupted", error=first_line(error), again_seconds=pause)
                self._closing.wait(pause)

    def _send(self, connection: psycopg.Connection) -> None:
        self.pieces.connected()
        while not self._closing.is_set():
            self._filled.wait(self.pieces.wait_seconds())
            self._closing.wait(GROUP_SECONDS)
            self._filled.clear()
            messages = pack(self._own, self._taken())
            if messages:
                self._notify(connection, messages)
            self.pieces.send(connection)
        connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, *FAREWELL])

    def _notify(self, connection: psycopg.Connection, messages: list[str]) -> None:
        try:
            connection.execute("SELECT pg_notify(%s, message) FROM unnest(%s::TEXT[]) message", [CHANNEL, messages])
        except psycopg.Error:
            # The next connection says at least that there was something.
            self.tell([LookAgain()])
            raise

    def _taken(self) -> list[Hint]:
        """All that wait; what came in beyond the bound is not known any more."""
        full = len(self._waiting) == MAX_WAITING
        taken: list[Hint] = []
        while self._waiting:
            taken.append(self._waiting.popleft())
        return [LookAgain()] if full else taken

    def _listen(self, connection: psycopg.Connection) -> None:
        connection.execute(f"LISTEN {CHANNEL}; LISTEN {self.pieces.channel}".encode())
        snapshot, lookout = Snapshot(connection, self._queries, lambda server_ms: server_ms), Lookout()
        self._hear([LookAgain()])
        next_look = 0.0
        while not self._closing.is_set():
            if time.monotonic() >= next_look:
                self._look(connection, snapshot, lookout)
                next_look = time.monotonic() + LOOK_SECONDS
            for message in connection.notifies(timeout=SLICE_SECONDS, stop_after=1):
                if message.channel != CHANNEL:
                    self.pieces.heard(message.payload)
                elif hints := unpack(message.payload, self._own):
                    self._hear(hints)

    def _look(self, connection: psycopg.Connection, snapshot: Snapshot, lookout: Lookout) -> None:
        snapshot.settled = log_settled(connection)
        connection.execute(BEGIN_READ)
        try:
            hints = lookout.look(snapshot)
        finally:
            connection.execute("ROLLBACK")
        if hints:
            self._hear(hints)
