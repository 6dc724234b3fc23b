"""Work that must not be left half done is finished also when its task is cancelled."""

import asyncio

import pytest

from callboard.domain.invocation import Delta
from callboard.runner.deltas import Deltas
from callboard.runner.held import Holdings
from callboard.runner.waiting import alone, ended, is_set_within, undisturbed


async def test_undisturbed_work_is_finished_before_the_cancellation_goes_on() -> None:
    begun, may_end, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await may_end.wait()
        finished.set()

    task = asyncio.create_task(undisturbed(work()))
    await begun.wait()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=0.02)
    assert not done
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert finished.is_set()


async def test_undisturbed_work_gives_its_result_or_its_error() -> None:
    async def right() -> int:
        return 7

    async def wrong() -> int:
        raise ValueError("wrong")

    assert await undisturbed(right()) == 7
    with pytest.raises(ValueError, match="wrong"):
        await undisturbed(wrong())


async def test_an_event_is_waited_for_with_a_bound() -> None:
    event = asyncio.Event()
    assert not await is_set_within(event, 0.01)
    event.set()
    assert await is_set_within(event, 1)


def test_of_a_group_of_errors_the_one_inside_counts() -> None:
    inner = ValueError("inner")
    assert alone(BaseExceptionGroup("outer", [ExceptionGroup("nested", [inner])])) is inner
    assert alone(inner) is inner


async def test_deltas_that_go_on_are_joined_and_a_stored_message_makes_them_needless() -> None:
    posted: list[tuple[str, int, str]] = []
    filled = asyncio.Event()

    async def post(key: str, offset: int, text: str) -> None:
        posted.append((key, offset, text))
        filled.set()

    deltas = Deltas(post)
    deltas.add(Delta("a", 0, "he"))
    deltas.add(Delta("a", 2, "llo"))
    deltas.add(Delta("b", 0, "stored"))
    deltas.add(Delta("a", 9, "gap"))
    deltas.forget("b")
    posting = asyncio.create_task(deltas.post_all())
    async with asyncio.timeout(5):
        await filled.wait()
    await ended(posting)
    assert posted == [("a", 0, "hello"), ("a", 9, "gap")]


def test_a_runner_rests_longer_the_more_runs_it_gave_back_in_a_row() -> None:
    holdings = Holdings(2)
    assert holdings.rest_seconds(100.0) == 0
    rests = []
    for _ in range(10):
        holdings.rest_after_giving_back(100.0)
        rests.append(holdings.rest_seconds(100.0))
    assert rests[:3] == [0.5, 1.0, 2.0]
    assert rests[-1] == 30
    assert holdings.rest_seconds(130.1) == 0
    holdings.forget_given_back()
    holdings.rest_after_giving_back(200.0)
    assert holdings.rest_seconds(200.0) == 0.5
