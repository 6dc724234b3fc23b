"""A place in the order of all events, as opaque text outside. Knows no database and no events."""

import re
from typing import Final

from msgspec import Struct

from callboard.domain.errors import InvalidRequest

_TEXT: Final = re.compile(r"(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,9})", re.ASCII)
_LARGEST: Final = 2**63 - 1


class Cursor(Struct, frozen=True, order=True):
    """The place just behind one event; ordered as the events are."""

    transaction: int
    """0 where the database has one writer; else the id of the writing transaction."""
    batch_id: int
    index: int
    """Of the event within its batch, from 0."""

    def __str__(self) -> str:
        """As consumers carry it."""
        return f"{self.transaction}.{self.batch_id}.{self.index}"


START: Final = Cursor(0, 0, 0)
"""Before every event."""


def parse_cursor(text: str) -> Cursor:
    """The cursor that was written so; InvalidRequest `invalid_cursor` for any other text."""
    found = _TEXT.fullmatch(text)
    parts = tuple(int(part) for part in found.groups()) if found else (_LARGEST + 1,)
    if max(parts) > _LARGEST:
        raise InvalidRequest(f"{text[:60]!r} is no cursor of this stream.", code="invalid_cursor")
    return Cursor(*parts)
