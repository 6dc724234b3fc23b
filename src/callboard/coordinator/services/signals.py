"""Wake-ups inside one process, also by the hints of others: who waits for a key is woken when a hint names it.

Hints may be lost; every wait is bounded.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from callboard.store.hints import Hint, JobEnded, LookAgain, RunChanged, RunnerTold


class Signals:
    """Events by key (`run:…`, `runner:…`); called on the event loop only."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def listen(self, *keys: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever one of the keys is woken; clear it before looking at the truth."""
        event = asyncio.Event()
        for key in keys:
            self._waiting[key].add(event)
        try:
            yield event
        finally:
            for key in keys:
                self._waiting[key].discard(event)
                if not self._waiting[key]:
                    del self._waiting[key]

    def wake(self, key: str) -> None:
        """Wakes everybody who listens to a key."""
        for event in self._waiting.get(key, ()):
            event.set()

    def on_hints(self, hints: list[Hint]) -> None:
        """Wakes whom the hints of a commit concern."""
        for hint in hints:
            if isinstance(hint, RunChanged):
                self.wake(run_key(hint.run_id))
            elif isinstance(hint, JobEnded):
                self.wake(job_key(hint.job_id))
            elif isinstance(hint, RunnerTold):
                self.wake(runner_key(hint.runner_id))
            elif isinstance(hint, LookAgain):
                for key in list(self._waiting):
                    self.wake(key)


def run_key(run_id: str) -> str:
    """The key of a run's changes."""
    return f"run:{run_id}"


def job_key(job_id: str) -> str:
    """The key of a job's end."""
    return f"job:{job_id}"


def runner_key(runner_id: str) -> str:
    """The key of what a runner must be told."""
    return f"runner:{runner_id}"
