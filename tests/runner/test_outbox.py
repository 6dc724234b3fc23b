"""The ordered way out: one order, bounded, and one refused event does not hold up the others."""

import asyncio

import msgspec
import pytest

from callboard.domain.errors import InvalidRequest
from callboard.domain.event import MAX_BATCH
from callboard.domain.invocation import Approve
from callboard.domain.usage import UsageRow
from callboard.runner.outbox import MAX_WAITING, Outbox, posted_event
from callboard.runner.waiting import ended
from callboard.wire.runner import PostedEvent


class Desk:
    """Takes what is posted and keeps it in order; refuses events that say so."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.sizes: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.broken = False

    async def events(self, batch: list[PostedEvent], *, patient: bool = False) -> None:
        await self.open.wait()
        if self.broken:
            raise ConnectionAbortedError
        if not patient and any(b"poison" in bytes(one.payload) for one in batch):
            raise InvalidRequest("poison")
        self.sizes.append(len(batch))
        self.taken += [f"{one.client_key} {one.type}" for one in batch]

    async def bind(self, executor_session_id: str) -> None:
        self.taken.append(f"bind {executor_session_id}")

    async def usage(self, rows: list[UsageRow], *, incomplete: bool) -> None:
        self.taken.append(f"usage {len(rows)} {incomplete}")
        raise InvalidRequest("no such thing")

    async def ask(self, asked: Approve) -> None:
        self.taken.append(f"ask {asked.request_id}")

    async def settled(self, request_id: str) -> None:
        self.taken.append(f"settled {request_id}")


def _event(key: str, text: str = "x") -> PostedEvent:
    return posted_event(key, "note", {"text": text}, 1)


async def _emptied(box: Outbox) -> None:
    posting = asyncio.create_task(box.post_all())
    async with asyncio.timeout(10):
        await box.emptied()
    await ended(posting)


async def test_events_bindings_and_usage_leave_in_the_order_in_which_they_came() -> None:
    desk, accepted = Desk(), []
    box = Outbox(desk, lambda launch, offset: accepted.append((launch, offset)))
    box.add_event(_event("1"))
    box.add_binding("native")
    box.mark(1, 50)
    box.add_event(_event("2"))
    box.add_event(_event("3"))
    box.add_usage([UsageRow(model="m", message_id="1")], incomplete=True)
    box.mark(1, 90)
    await _emptied(box)
    assert desk.taken == ["1 note", "bind native", "2 note", "3 note", "usage 1 True"]
    assert desk.sizes == [1, 2]
    assert accepted == [(1, 50), (1, 90)]
    assert box.event_count == 3


async def test_a_position_is_safe_at_once_when_nothing_waits_before_it() -> None:
    accepted: list[tuple[int, int]] = []
    Outbox(Desk(), lambda launch, offset: accepted.append((launch, offset))).mark(2, 7)
    assert accepted == [(2, 7)]


async def test_batches_are_bounded_in_number_and_in_bytes() -> None:
    desk = Desk()
    box = Outbox(desk, lambda _launch, _offset: None)
    for number in range(MAX_BATCH + 10):
        box.add_event(_event(str(number)))
    for number in range(3):
        box.add_event(_event(f"big {number}", "x" * 1_500_000))
    await _emptied(box)
    assert desk.sizes == [MAX_BATCH, 11, 1, 1]


async def test_a_full_box_makes_its_filler_wait_until_half_of_it_is_gone() -> None:
    desk = Desk()
    desk.open.clear()
    box = Outbox(desk, lambda _launch, _offset: None)
    for number in range(MAX_WAITING):
        box.add_event(_event(str(number)))
    waiting = asyncio.create_task(box.room())
    posting = asyncio.create_task(box.post_all())
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    desk.open.set()
    async with asyncio.timeout(10):
        await waiting
    await ended(posting)


async def test_one_refused_event_is_replaced_by_a_note_and_the_others_arrive() -> None:
    desk = Desk()
    box = Outbox(desk, lambda _launch, _offset: None)
    for number in range(9):
        box.add_event(posted_event(str(number), "message", {"text": "poison" if number == 5 else "x"}, 1))
    await _emptied(box)
    expected = [f"{number} {'note' if number == 5 else 'message'}" for number in range(9)]
    assert desk.taken == expected
    assert box.event_count == 9


async def test_what_repeating_does_not_cure_is_raised() -> None:
    desk = Desk()
    desk.broken = True
    box = Outbox(desk, lambda _launch, _offset: None)
    box.add_event(_event("1"))
    with pytest.raises(ConnectionAbortedError):
        await box.post_all()
    assert not box.is_empty


def test_a_type_that_only_the_coordinator_writes_becomes_a_note() -> None:
    event = posted_event("1", "run_completed", {"reason": "completed"}, 1)
    assert event.type == "note"
    assert "run_completed" in msgspec.json.decode(event.payload)["text"]


def test_half_of_a_surrogate_pair_is_replaced() -> None:
    event = posted_event("1", "note", {"te\ud800xt": ["a\udfffb", {"x": 1}]}, 1)
    assert msgspec.json.decode(event.payload) == {"te?xt": ["a?b", {"x": 1}]}
