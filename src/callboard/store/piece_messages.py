"""Pieces of messages as small texts between coordinators: packed, cut where one is too large, and read strictly.

Knows no connection.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from callboard.domain.piece import Piece

MAX_MESSAGE_BYTES: Final = 7_900
"""PostgreSQL takes messages of less than 8,000 bytes."""
MAX_CUT: Final = 1_000
"""Characters of a part: six bytes each at most, and the ids."""


class PieceMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """What goes over the wire; `sender` is one process, `wants` whether somebody reads pieces there."""

    sender: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    wants: bool
    pieces: Annotated[list[Piece], Meta(max_length=MAX_MESSAGE_BYTES // 100)]


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(PieceMessage)


def pack_pieces(sender: str, wants: bool, pieces: Iterable[Piece]) -> list[str]:
    """At least one message of bounded size, the pieces in order."""
    return [_encoder.encode(PieceMessage(sender, wants, part)).decode() for part in _parts(sender, pieces)]


def unpack_pieces(text: str) -> PieceMessage | None:
    """The message; None when it is none of ours."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return None


def _parts(sender: str, pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    part: list[Piece] = []
    size = empty = len(_encoder.encode(PieceMessage(sender, False, [])))
    for piece in pieces:
        for small in _cut(piece):
            more = len(_encoder.encode(small)) + 1
            if size + more > MAX_MESSAGE_BYTES:
                yield part
                part, size = [], empty
            part.append(small)
            size += more
    yield part


def _cut(piece: Piece) -> Iterator[Piece]:
    """The piece, in parts that fit into a message."""
    if len(piece.text) <= MAX_CUT:
        yield piece
        return
    for first in range(piece.offset, piece.end, MAX_CUT):
        yield piece.cut(first, first + MAX_CUT)
