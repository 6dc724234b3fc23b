"""The runner's contact with the coordinator: sends calls, for as long as it takes, and knows how long it was silent.

Knows what an error means for the runner as a whole; what a call means is its caller's business.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from callboard.client import NO_RETRIES, AsyncClient, Call
from callboard.domain.errors import (
    CallboardError,
    Conflict,
    Internal,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from callboard.runner.clock import Clock
from callboard.runner.waiting import is_set_within

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
PASSING: Final = (Unavailable, RateLimited, Internal)
"""Errors after which the same call may succeed later."""

T = TypeVar("T")


class Dismissed(Exception):
    """The coordinator does not take this process as the runner any more; `cause` is what it said."""

    def __init__(self, cause: CallboardError) -> None:
        super().__init__(cause.detail)
        self.cause = cause


class Contact:
    """Sends calls as one runner. `random_fraction` gives numbers from 0 to 1."""

    def __init__(self, client: AsyncClient, clock: Clock, random_fraction: Callable[[], float]) -> None:
        self.dismissal: asyncio.Future[Dismissed] = asyncio.get_running_loop().create_future()
        self._client = client
        self._clock = clock
        self._random_fraction = random_fraction
        self._heard_at = clock.monotonic()
        self._heard = asyncio.Event()

    @property
    def silent_seconds(self) -> float:
        """How long ago the coordinator last answered sensibly."""
        return self._clock.monotonic() - self._heard_at

    async def send(self, call: Call[T]) -> T:
        """The answer to one try. Raises what the coordinator raised, or Dismissed when that concerns the runner."""
        try:
            answer = await self._client.send(call, retry=NO_RETRIES)
        except CallboardError as error:
            if not isinstance(error, PASSING):
                self._note_answer()
            if _dismisses(error):
                raise self._dismissed(error) from error
            raise
        self._note_answer()
        return answer

    async def send_until_answered(self, call: Call[T], *, defects: int | None = None) -> T:
        """The answer, however long it takes. Raises errors that no repetition cures.

        A coordinator that fails at this very call is tried `defects` times, or without end when that is None.
        """
        failures = defective = 0
        while True:
            try:
                return await self.send(call)
            except PASSING as error:
                defective += isinstance(error, Internal)
                if defects is not None and defective >= defects:
                    raise
            failures += 1
            await self.pause(failures)

    async def pause(self, failures: int) -> None:
        """Wait after so many failures in a row; less when somebody else gets through meanwhile."""
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures, 10))
        spread = longest * (0.5 + self._random_fraction() / 2)
        shortest = min(spread, FIRST_PAUSE_SECONDS)
        await self._clock.pause(shortest)
        self._heard.clear()
        await is_set_within(self._heard, spread - shortest)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _note_answer(self) -> None:
        self._heard_at = self._clock.monotonic()
        self._heard.set()

    def _dismissed(self, error: CallboardError) -> Dismissed:
        dismissed = Dismissed(error)
        if not self.dismissal.done():
            self.dismissal.set_result(dismissed)
        return dismissed


def _dismisses(error: CallboardError) -> bool:
    """Whether the error is about who we are, not about what we asked."""
    if isinstance(error, Unauthenticated):
        return True
    if isinstance(error, Conflict):
        return error.code == "runner_superseded"
    return isinstance(error, NotFound) and error.code == "runner_not_found"
