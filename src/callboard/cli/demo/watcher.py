"""Follows the stream from the first event on, through every loss of the coordinator, and remembers what came."""

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from itertools import count
from typing import Final

from callboard.client import clock
from callboard.client.stream import Delta, StreamFrame, follow
from callboard.client.transport import Client
from callboard.domain.errors import CallboardError
from callboard.wire.responses import Event

MOST_FRAMES: Final = 100_000
PATIENCE_SECONDS: Final = 30.0


class Watcher:
    """A reader of the stream in a thread of its own; whoever waits does so on a condition, with a bound."""

    def __init__(self, client: Client) -> None:
        self.frames: list[StreamFrame] = []
        self._client = client
        self._news = threading.Condition()
        self._over = False
        threading.Thread(target=self._follow, daemon=True).start()

    def events(self, session_id: str) -> list[Event]:
        """The session's events in the order in which they came."""
        return [frame for frame in self.frames if isinstance(frame, Event) and frame.session_id == session_id]

    def deltas(self, run_id: str) -> list[Delta]:
        """The pieces of the run's messages in the order in which they came."""
        return [frame for frame in self.frames if isinstance(frame, Delta) and frame.run_id == run_id]

    def wait_until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Whether it became true in time; asked again after each frame."""
        deadline = clock.monotonic_seconds() + seconds
        with self._news:
            while not true():
                left = deadline - clock.monotonic_seconds()
                if left <= 0:
                    return False
                self._news.wait(left)
        return True

    def show_until(
        self, session_id: str, ended: Callable[[Event], bool], show: Callable[[StreamFrame], None], seconds: float
    ) -> bool:
        """Show each frame of a session as it comes; false when the ending event did not come in time."""
        deadline = clock.monotonic_seconds() + seconds
        for place in count():
            if not self.wait_until(partial(self._reaches, place), deadline - clock.monotonic_seconds()):
                break
            frame = self.frames[place]
            if isinstance(frame, Event | Delta) and frame.session_id == session_id:
                show(frame)
                if isinstance(frame, Event) and ended(frame):
                    return True
        return False

    def close(self) -> None:
        """Remember nothing more."""
        self._over = True

    def _reaches(self, place: int) -> bool:
        return len(self.frames) > place

    def _follow(self) -> None:
        with suppress(CallboardError), closing(follow(self._client, patience_seconds=PATIENCE_SECONDS)) as frames:
            for frame in frames:
                if self._over or len(self.frames) >= MOST_FRAMES:
                    return
                with self._news:
                    self.frames.append(frame)
                    self._news.notify_all()
