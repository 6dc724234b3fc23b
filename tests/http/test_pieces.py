"""Pieces of one message that come by several ways are given out in order and once."""

import random

import msgspec
import pytest

from callboard.coordinator.pieces import HERE, HOLD_SECONDS, LATE_SECONDS, Pieces
from callboard.domain.event import MESSAGE, RUN_COMPLETED
from callboard.domain.piece import Piece
from callboard.wire.responses import Event

SESSION, RUN = "ses_01m80t8kg2f42894ffrdm33xhv", "run_01m80t8kg2f42894ffrdm33xhv"
TEXT = "It was the best of times, it was the worst of times, 🙂 it was the age of wisdom."
ELSEWHERE = "another"


def piece(offset: int, text: str, key: str = "m1") -> Piece:
    return Piece(SESSION, SESSION, RUN, 1, key, offset, text)


def event(event_type: str, payload: object) -> Event:
    raw = msgspec.Raw(msgspec.json.encode(payload))
    return Event(
        session_id=SESSION,
        seq=1,
        cursor="1.1.1",
        run_id=RUN,
        attempt=1,
        type=event_type,
        at="",
        source_at=None,
        payload=raw,
    )


def test_pieces_by_two_ways_become_the_text_whatever_comes_first() -> None:
    """60: no piece is shown twice or before the one that it follows, also where some come by both ways."""
    for seed in range(200):
        source = random.Random(seed)  # noqa: S311 - chooses an order, guards nothing
        pieces = Pieces(alone=False)
        parts = [(offset, TEXT[offset : offset + 4]) for offset in range(0, len(TEXT), 4)]
        by_way = {HERE: parts[::2], ELSEWHERE: parts[1::2] + source.sample(parts[::2], 3)}
        by_way[ELSEWHERE].sort()
        given = ""
        while any(by_way.values()):
            way = source.choice([way for way in by_way if by_way[way]])
            pieces.add(piece(*by_way[way].pop(0)), way, 0.0)
            for one in pieces.taken(0.0):
                assert one.offset == len(given)
                given += one.text
        assert given == TEXT


def test_a_piece_that_does_not_come_is_not_waited_for_long() -> None:
    """Best effort: the ones behind it are given out all the same, and it is not shown when it comes too late."""
    pieces = Pieces(alone=False)
    assert pieces.add(piece(0, "abc"), HERE, 0.0)
    assert not pieces.add(piece(6, "ghi"), HERE, 1.0)
    assert [one.text for one in pieces.taken(1.0)] == ["abc"]
    assert [one.text for one in pieces.taken(1.0 + HOLD_SECONDS)] == ["ghi"]
    pieces.add(piece(3, "def"), ELSEWHERE, 2.0)
    assert pieces.taken(2.0) == []


@pytest.mark.parametrize(
    "over", [event(MESSAGE, {"role": "assistant", "content": [], "message_key": "m1"}), event(RUN_COMPLETED, {})]
)
def test_what_comes_from_elsewhere_after_the_whole_message_is_not_shown(over: Event) -> None:
    """10: the stored message replaces its pieces, those that wait and those that come late."""
    pieces = Pieces(alone=False)
    pieces.add(piece(0, "waits"), ELSEWHERE, 0.0)
    pieces.add(piece(90, "held"), ELSEWHERE, 0.0)
    pieces.stored([over], 0.0)
    pieces.add(piece(0, "late"), ELSEWHERE, HOLD_SECONDS)
    assert pieces.taken(LATE_SECONDS / 2) == []
