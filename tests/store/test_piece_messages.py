"""Pieces of messages as small texts: whole again on the other side; what is no such text is nothing."""

import msgspec
import pytest

from callboard.domain.piece import Piece
from callboard.store.piece_messages import PieceMessage, pack_pieces, unpack_pieces

SESSION, RUN = "ses_01m80t8kg2f42894ffrdm33xhv", "run_01m80t8kg2f42894ffrdm33xhv"
SENDER = "0" * 32
WIDEST = "\x01"
"""Six bytes in JSON."""


@pytest.mark.parametrize("character", ["a", "🙂", WIDEST])
def test_pieces_of_any_size_fit_into_messages_and_keep_their_order(character: str) -> None:
    """Below PostgreSQL's 8,000 bytes each, with the longest ids and keys."""
    key = WIDEST * 100
    texts = ["", character, character * 65_536, character * 999]
    sent = [Piece(SESSION, SESSION, RUN, 2**53 - 1, key, 2**52 + number, text) for number, text in enumerate(texts)]
    messages = pack_pieces(SENDER, True, sent)
    assert max(len(message.encode()) for message in messages) < 8_000
    heard = [piece for message in messages for piece in read(message).pieces]
    assert "".join(piece.text for piece in heard) == "".join(texts)
    large = [piece for piece in heard if piece.offset >= 2**52 + 2 and piece.text]
    assert large[0].offset == 2**52 + 2
    assert large[0].end == large[1].offset


def read(message: str) -> PieceMessage:
    found = unpack_pieces(message)
    assert found is not None
    return found


GOOD = msgspec.json.decode(pack_pieces(SENDER, True, [Piece(SESSION, SESSION, RUN, 1, "m", 0, "text")])[0])


@pytest.mark.parametrize(
    "other",
    [
        {"sender": "me"},
        {"more": 1},
        {"pieces": [GOOD["pieces"][0] | {"session_id": "ses_../x"}]},
        {"pieces": [GOOD["pieces"][0] | {"offset": -1}]},
        {"pieces": [GOOD["pieces"][0] | {"text": 1}]},
        {"pieces": [GOOD["pieces"][0] | {"project_id": "prj"}]},
    ],
)
def test_what_is_not_of_the_form_is_nothing(other: dict[str, object]) -> None:
    """Anybody who may connect to the database may send on a channel: nothing is guessed."""
    assert unpack_pieces(msgspec.json.encode(GOOD).decode()) is not None
    assert unpack_pieces(msgspec.json.encode(GOOD | other).decode()) is None
    assert unpack_pieces("no JSON") is None
