"""Ways of waiting: for an event with a bound, for work that must not be left half done, for several tasks as one."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event is set, after at most this many seconds."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """The result of work that is finished even when the waiting task is cancelled, which then ends after it."""
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        if not task.cancelled():
            task.exception()  # seen; the next process of this runner finds out what became of it
        raise asyncio.CancelledError
    return task.result()


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and return when they are over, whatever they had to say."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def alone(error: BaseException) -> BaseException:
    """The error that a group of them is about; of several the first that is more than a consequence."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
