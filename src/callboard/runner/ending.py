"""Ends what is left of an attempt at once, without anything being reported; bounded to a few seconds."""

import asyncio
from contextlib import suppress
from typing import Final

from callboard.executors.process import KeeperLink, KeeperTaken, Strays, close_journal, end_strays
from callboard.runner.held import HeldAttempt

TERM_SECONDS: Final = 4.0
KILL_SECONDS: Final = 3.0
STRAY_PASSES: Final = 12


async def end_processes(held: HeldAttempt) -> None:
    """End every process of the attempt: asked first, killed after a few seconds."""
    number = held.progress.launch
    folder = held.files.launch_folder(number)
    if number == 0 or not folder.exists():
        return
    link = KeeperLink(folder, number, held.attempt.tracking)
    if await link.connect():
        ending = asyncio.create_task(_last_record(link))
        with suppress(TimeoutError):
            await link.stop(after_interrupt=False)
        await asyncio.wait({ending}, timeout=TERM_SECONDS)
        if not ending.done():
            with suppress(TimeoutError):
                await link.signal("SIGKILL")
            await asyncio.wait({ending}, timeout=KILL_SECONDS)
        ending.cancel()
        await link.close()
    await asyncio.to_thread(close_journal, folder, held.attempt.tracking)


async def end_what_is_left(held: HeldAttempt) -> Strays:
    """Try for a minute to end processes that a keeper could not end."""
    strays = Strays(0, 0)
    for _ in range(STRAY_PASSES):
        strays = await asyncio.to_thread(end_strays, [held.attempt.tracking])
        if not strays.left:
            break
    return strays


async def _last_record(link: KeeperLink) -> None:
    with suppress(KeeperTaken):
        async for _ in link.records():
            pass
