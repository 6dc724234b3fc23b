"""What a database offers to services: short transactions over named queries, and hints after the commit.

Knows no SQL and no driver.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec

from callboard.domain.errors import Unavailable
from callboard.domain.piece import Piece
from callboard.store.clock import Clock
from callboard.store.hints import Hint

Row = dict[str, Any]
"""One row by column name."""

T = TypeVar("T")
Listener = Callable[[list[Hint]], None]
PieceListener = Callable[[str, list[Piece]], None]
"""Hears the name of a sender, and pieces."""


class ConstraintFailed(Exception):
    """A row contradicts the schema: a defect, or a lost race. The work has to end with it, or with its own error."""


class StoreRefused(Unavailable):
    """The database cannot be used as it is; the sentence says why, the hint what to do."""


class Transaction(Protocol):
    """What a piece of work sees of the database: one consistent state, changed by nobody else meanwhile."""

    now_ms: int
    """The database's clock, in Unix milliseconds; the same for the whole work."""

    def one(self, query: str, **parameters: Any) -> Row | None:
        """The first row of a named query, or None. ConstraintFailed, Unavailable."""

    def all(self, query: str, **parameters: Any) -> list[Row]:
        """Every row of a named query; the query bounds them. ConstraintFailed, Unavailable."""

    def run(self, query: str, **parameters: Any) -> int:
        """The number of rows that a named query changed. ConstraintFailed, Unavailable."""

    def lock_session(self, *session_ids: str) -> None:
        """Makes other works that lock one of these sessions wait until this one is done; the first thing a write does.

        What was read before may be old by then. Nothing where one writer does all works. Unavailable.
        """

    def lock_fleet(self) -> None:
        """The same for registered runners and demand classes as a whole; no session is locked after it. Unavailable."""

    def hint(self, hint: Hint) -> None:
        """Told to every subscriber after the commit, in the order of commits; forgotten when the work fails."""


Work = Callable[[Transaction], T]
"""A function over a transaction. It may be called again when its transaction is lost: no effects but through it."""


class PieceChannel(Protocol):
    """Pieces of messages between the processes of one database: best effort, bounded, in no transaction.

    No call waits or fails; all are made on the event loop.
    """

    left_out: int
    """How many pieces were not passed on, because there were too many or the database was away."""

    def tell(self, piece: Piece) -> None:
        """Others get it soon, if any of them wants pieces."""

    def want(self, wanted: bool) -> None:
        """Whether somebody here wants those of others."""

    def subscribe(self, listener: PieceListener) -> None:
        """The one who hears pieces of others while they are wanted; those of one sender come in its order."""


class Database(Protocol):
    """One database, used from one event loop. Every call is bounded in time: Unavailable `store_timeout`."""

    @property
    def clock(self) -> Clock:
        """This process's view of the database's time, for pauses and for noticing jumps."""

    @property
    def one_writer(self) -> bool:
        """Whether a work that takes long holds up all other writes."""

    @property
    def pieces(self) -> PieceChannel | None:
        """None where one process alone uses the database."""

    async def write(self, work: Work[T]) -> T:
        """The work's result, after it is durable. Errors of the work undo it alone and are raised here."""

    async def read(self, work: Work[T]) -> T:
        """The work's result on a snapshot; it can change nothing."""

    def subscribe(self, listener: Listener) -> None:
        """Calls the listener on the event loop with the hints of each commit, before its writers go on."""

    async def now_ms(self) -> int:
        """The database's time in Unix milliseconds."""

    async def check(self) -> None:
        """Unavailable when the database does not answer a reader and the writer within a few seconds."""

    async def close(self) -> None:
        """Finishes what waits, bounded in time, and closes."""


def convert(row: Row, shape: type[T]) -> T:
    """A row as a struct with fields of the same names; other columns are left out. msgspec.ValidationError."""
    return msgspec.convert(row, shape)
