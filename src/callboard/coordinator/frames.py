"""Frames of the stream: what stands on the wire for an event or a control message, and who may see it."""

from typing import Any, Final

import msgspec

from callboard.coordinator.services.feed import Cursor, FeedEvent, Lineage
from callboard.domain.caller import Caller
from callboard.domain.piece import Piece

PING: Final = b": ping\n\n"
RETRY: Final = b"retry: 1000\n\n"
"""How long a client waits before it connects again, in milliseconds."""
DELTA: Final = "delta"

_encode: Final = msgspec.json.Encoder().encode


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One message of the stream. Without a cursor it is no event and nothing to go on from."""

    session_id: str
    root_session_id: str
    type: str
    data: bytes
    lineage: Lineage | None
    cursor: Cursor | None = None


class View(msgspec.Struct, frozen=True):
    """What a reader wants and may see; readers with equal views get the same bytes."""

    session_id: str | None = None
    root_session_id: str | None = None
    types: frozenset[str] = frozenset()
    project_id: str | None = None
    below: str | None = None
    """A session token's own session: it sees that and what is below it."""
    everywhere: frozenset[str] = frozenset()
    """Types that are wanted from all sessions, besides those of the session."""
    also: frozenset[str] = frozenset()
    """Sessions of which the same is wanted as of the session."""

    @property
    def only_session(self) -> str | None:
        """The session that nothing else is wanted of; None where others are."""
        return None if self.everywhere or self.also else self.session_id

    @property
    def wants_pieces(self) -> bool:
        """Whether pieces of messages are among what is wanted."""
        return not self.types or DELTA in self.types or DELTA in self.everywhere

    def admits(self, frame: Frame) -> bool:
        """Whether the frame is wanted and may be seen."""
        return (frame.type in self.everywhere or self._wants(frame)) and self._shows(frame)

    def _wants(self, frame: Frame) -> bool:
        if self.session_id is not None and frame.session_id not in (self.session_id, *self.also):
            return False
        if self.root_session_id is not None and frame.root_session_id != self.root_session_id:
            return False
        return not self.types or frame.type in self.types

    def _shows(self, frame: Frame) -> bool:
        return (self.project_id is None and self.below is None) or self.may_see(frame.lineage)

    def may_see(self, lineage: Lineage | None) -> bool:
        """Whether a session that stands there is the reader's business; what is not known is not."""
        if lineage is None:
            return self.project_id is None and self.below is None
        if self.project_id is not None and lineage.project_id != self.project_id:
            return False
        return self.below is None or lineage.session_id == self.below or self.below in lineage.above


def view_of(
    caller: Caller,
    session_id: str | None,
    root_session_id: str | None,
    types: str | None,
    everywhere: str | None = None,
    also: str | None = None,
) -> View:
    """The view of a caller who asks for these."""
    return View(
        session_id,
        root_session_id,
        _split(types),
        caller.project_id,
        caller.session_id if caller.kind == "session" else None,
        _split(everywhere),
        _split(also),
    )


def _split(words: str | None) -> frozenset[str]:
    return frozenset(words.split(",")) if words else frozenset()


def event_frame(found: FeedEvent) -> Frame:
    """The frame of a stored event."""
    event = found.event
    data = b"id: %b\nevent: %b\ndata: %b\n\n" % (event.cursor.encode(), event.type.encode(), _encode(event))
    return Frame(event.session_id, found.lineage.root_session_id, event.type, data, found.lineage, found.cursor)


def delta_frame(piece: Piece, lineage: Lineage | None) -> Frame:
    """The frame of a piece of a message."""
    told = {
        "session_id": piece.session_id,
        "run_id": piece.run_id,
        "attempt": piece.attempt,
        "message_key": piece.message_key,
        "offset": piece.offset,
        "text": piece.text,
    }
    return Frame(piece.session_id, piece.root_session_id, DELTA, control(DELTA, told), lineage)


def control(name: str, told: dict[str, Any]) -> bytes:
    """A control message: it carries no id."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(told))


def ready(cursor: Cursor) -> bytes:
    """The first message: from where the stream goes on."""
    return RETRY + control("ready", {"cursor": str(cursor)})


def gap(after: Cursor, until: Cursor) -> bytes:
    """Events behind `after` and up to `until` are not there any more."""
    return control("gap", {"after": str(after), "until": str(until)})
