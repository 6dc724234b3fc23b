"""Forgets what is older than it has to be kept, in steps too small to hold up anybody. Decides nothing about runs.

Events go only when a person has said how long they are kept; what only we need goes by itself.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import msgspec

from callboard.store.cursor import START
from callboard.store.database import Database, Transaction
from callboard.store.event_log import Pruned, prune
from callboard.store.idempotency import forget_old

PAUSE_SECONDS: Final = 0.05
"""Between two steps others write."""
MAX_STEPS: Final = 1_000
"""In one round; what is left waits for the next."""
MOST_BATCHES: Final = 200
FEWEST_BATCHES: Final = 5
LONG_HOLD_SECONDS: Final = 0.03
"""A step that held the writer longer is followed by one of half its size."""
TOKEN_BATCH: Final = 500
TOKENS_KEPT_MS: Final = 7 * 86_400_000
"""How long the revoked token of an attempt is still listed."""


class Forgotten(msgspec.Struct, kw_only=True):
    """What one round did; `done` is false when there was more than fits into one."""

    batches: int = 0
    rows: int = 0
    steps: int = 0
    done: bool = True


class RetentionService:
    """Forgets; one call does one bounded round. Several coordinators on one database may do so at once."""

    def __init__(self, database: Database, retention_ms: int, pause_seconds: float = PAUSE_SECONDS) -> None:
        """`retention_ms` is how long events are kept; 0: for ever."""
        self._database = database
        self._retention_ms = retention_ms
        self._pause_seconds = pause_seconds
        self._ending = asyncio.Event()
        self._place = START
        self._most = MOST_BATCHES
        self.batches = 0
        self.rows = 0
        self.longest_hold_seconds = 0.0

    async def sweep_once(self) -> Forgotten:
        """Forgets old events, tokens of attempts that are over, and answers that nobody may ask for again."""
        forgotten = Forgotten()
        if self._retention_ms:
            await self._forget_events(forgotten)
        for work in (_forget_tokens, forget_old):
            await self._forget_rows(work, forgotten)
        return forgotten

    def end(self) -> None:
        """Lets the round that goes on now stop after its step."""
        self._ending.set()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), self._pause_seconds)

    async def _forget_events(self, forgotten: Forgotten) -> None:
        while forgotten.steps < MAX_STEPS and not self._ending.is_set():
            pruned, held_seconds = await self._database.write(self._step)
            self._place = pruned.through if pruned.more else START
            self._adapt(held_seconds)
            forgotten.steps += 1
            forgotten.batches += pruned.batches
            self.batches += pruned.batches
            if not pruned.more:
                return
            await self._pause()
        forgotten.done = False

    def _step(self, tx: Transaction) -> tuple[Pruned, float]:
        began = time.monotonic()
        pruned = prune(tx, tx.now_ms - self._retention_ms, self._place, self._most)
        return pruned, time.monotonic() - began

    def _adapt(self, held_seconds: float) -> None:
        """A slow disk gets smaller steps, a fast one larger ones again; not where a long step holds up nobody.

        There a step is mostly a few journeys to a server, and smaller ones would never catch up with who writes.
        """
        self.longest_hold_seconds = max(self.longest_hold_seconds, held_seconds)
        if held_seconds > LONG_HOLD_SECONDS and self._database.one_writer:
            self._most = max(FEWEST_BATCHES, self._most // 2)
        else:
            self._most = min(MOST_BATCHES, self._most * 2)

    async def _forget_rows(self, work: Callable[[Transaction], int], forgotten: Forgotten) -> None:
        for _ in range(MAX_STEPS):
            gone = await self._database.write(work)
            forgotten.rows += gone
            self.rows += gone
            if not gone:
                return
            await self._pause()
        forgotten.done = False


def _forget_tokens(tx: Transaction) -> int:
    before = tx.now_ms - TOKENS_KEPT_MS
    gone = tx.run("forget_session_tokens", before=before, most=TOKEN_BATCH)
    return gone + tx.run("forget_browser_tokens", before=before, most=TOKEN_BATCH)
