"""Requests that are held: their end ends all that was done for them."""

import asyncio
from typing import Any

from anyio.lowlevel import checkpoint

from callboard.coordinator.http.held import HeldRequests


async def test_a_held_request_whose_client_left_is_asked_about_no_more() -> None:
    """The token of who stays is checked again and again; of who left, never, and nothing is left running."""
    held, left, already = HeldRequests(0.01), asyncio.Event(), asyncio.all_tasks()
    asked: list[int] = []
    twice = asyncio.Event()

    async def check() -> None:
        asked.append(1)
        if len(asked) >= 2:
            twice.set()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async with asyncio.timeout(20), held.watch(receive, check) as gone:
        await twice.wait()
        left.set()
        await gone.wait()
        before = len(asked)
        for _ in range(100):
            await checkpoint()
        assert len(asked) <= before + 1
    others = asyncio.all_tasks() - already
    _, alive = await asyncio.wait(others, timeout=5) if others else (set(), set())
    assert alive == set()
    assert len(held) == 0
