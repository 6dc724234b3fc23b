"""Answers that are kept for repeated requests, and the marks of pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.coordinator.services.pages import read_mark, write_mark
from callboard.domain.errors import InvalidRequest
from callboard.domain.idempotency import KEPT_MS, Idempotency, body_hash
from callboard.store.database import Transaction
from callboard.store.idempotency import forget_old, remember, remembered, remembered_with_status
from tests.services.world import World, open_world

KEY = Idempotency(token_id="tok_1", key="k", body_hash="h")


@pytest.fixture
async def world(tmp_path: Path, kind: str) -> AsyncIterator[World]:
    """A coordinator without HTTP."""
    async with open_world(tmp_path, kind) as opened:
        yield opened


async def kept(world: World, key: Idempotency | None = KEY) -> bytes | None:
    """The answer that a request would get again."""
    return await world.database.read(lambda tx: remembered(tx, key))


async def keep(world: World, key: Idempotency | None = KEY, answer: bytes = b'{"run_id":"run_1"}') -> None:
    """Answers a request."""
    await world.database.write(lambda tx: remember(tx, key, 201, answer))


async def test_the_same_request_gets_the_same_answer_for_a_day(world: World) -> None:
    """20: Idempotency-Key, kept 24 h."""
    assert await kept(world) is None
    await keep(world)
    assert await kept(world) == b'{"run_id":"run_1"}'
    assert await world.database.read(lambda tx: remembered_with_status(tx, KEY)) == (201, b'{"run_id":"run_1"}')
    world.clock.advance(KEPT_MS / 1000 - 1)
    assert await kept(world) is not None
    world.clock.advance(1)
    assert await kept(world) is None
    await keep(world, answer=b"{}")
    assert await kept(world) == b"{}"


async def test_another_body_with_the_same_key_is_refused(world: World) -> None:
    """20: 422."""
    await keep(world)
    with pytest.raises(InvalidRequest) as refusal:
        await kept(world, Idempotency(token_id="tok_1", key="k", body_hash="other"))
    assert refusal.value.code == "idempotency_mismatch"


async def test_a_key_belongs_to_its_token(world: World) -> None:
    """20: per token."""
    await keep(world)
    assert await kept(world, Idempotency(token_id="tok_2", key="k", body_hash="other")) is None


async def test_without_a_key_nothing_is_kept(world: World) -> None:
    await keep(world, None)
    assert await kept(world, None) is None


async def test_a_request_that_failed_keeps_no_answer(world: World) -> None:
    """The answer is written in the transaction that creates the thing."""

    def fails(tx: Transaction) -> None:
        remember(tx, KEY, 201, b"{}")
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest):
        await world.database.write(fails)
    assert await kept(world) is None


async def test_old_answers_are_forgotten_and_young_ones_kept(world: World) -> None:
    for number in range(3):
        await keep(world, Idempotency(token_id="tok_1", key=f"old {number}", body_hash="h"))
    world.clock.advance(KEPT_MS / 1000)
    await keep(world)
    assert await world.database.write(forget_old) == 3
    assert await world.database.write(forget_old) == 0
    assert await kept(world) is not None


def test_the_same_body_at_another_address_is_another_request() -> None:
    assert body_hash("POST /runs", b"{}") == body_hash("POST /runs", b"{}")
    assert body_hash("POST /runs", b"{}") != body_hash("POST /sessions", b"{}")
    assert body_hash("POST /runs", b"{}") != body_hash("POST /runs", b"{ }")


@given(st.text(max_size=100).filter(lambda text: "\0" not in text and text.isprintable()))
def test_a_mark_is_read_by_the_list_that_made_it(position: str) -> None:
    mark = write_mark("sessions", position)
    assert read_mark("sessions", mark, "first") == position
    with pytest.raises(InvalidRequest):
        read_mark("runs", mark, "first")


@given(st.text(max_size=50))
def test_whatever_else_is_sent_as_a_mark_is_refused_with_its_code(text: str) -> None:
    """20: opaque pages, 400 invalid_page."""
    if not text:
        assert read_mark("sessions", text, "first") == "first"
        return
    with pytest.raises(InvalidRequest) as refusal:
        read_mark("sessions", text, "first")
    assert refusal.value.code == "invalid_page"
