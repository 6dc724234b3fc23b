"""Waits for many runs at once, in slices; the cursor says which runs are still to be told, and is all that is kept."""

import asyncio
from typing import Final

from callboard.client.calls import runs
from callboard.client.transport import AsyncClient
from callboard.domain.errors import InvalidRequest
from callboard.domain.ids import RUN, is_id
from callboard.mcp_server.arguments import MAX_HANDLES
from callboard.wire.responses import Run

_SEPARATOR: Final = "."
_PREFIX: Final = RUN + "_"


def cursor_of(run_ids: list[str]) -> str | None:
    """The cursor for what is left; None when nothing is."""
    return _SEPARATOR.join(run_id.removeprefix(_PREFIX) for run_id in run_ids) or None


def runs_of(cursor: str) -> list[str]:
    """The runs that a cursor stands for. InvalidRequest `invalid_cursor`."""
    found = [_PREFIX + part for part in cursor.split(_SEPARATOR)]
    if len(found) > MAX_HANDLES or not all(is_id(RUN, run_id) for run_id in found):
        raise InvalidRequest(
            "This cursor was not made by wait_agent_session.",
            code="invalid_cursor",
            hint="Give the cursor of the answer before as it is, or handles instead.",
        )
    return found


async def wait_for(client: AsyncClient, run_ids: list[str], *, first_only: bool, seconds: float) -> list[Run]:
    """The runs as they are when all have ended, or the first, or the time is over; in the order that was given."""
    waits = [asyncio.ensure_future(client.send(runs.wait(run_id, seconds))) for run_id in run_ids]
    try:
        waiting = set(waits)
        while waiting:
            done, waiting = await asyncio.wait(
                waiting, return_when=asyncio.FIRST_COMPLETED if first_only else asyncio.FIRST_EXCEPTION
            )
            if first_only and any(one.result().ended_at is not None for one in done):
                break
            for one in done:
                one.result()
        left = [run_id for run_id, one in zip(run_ids, waits, strict=True) if not one.done()]
        now = dict(zip(left, await asyncio.gather(*(client.send(runs.get(run_id)) for run_id in left)), strict=True))
        return [one.result() if one.done() else now[run_id] for run_id, one in zip(run_ids, waits, strict=True)]
    finally:
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
