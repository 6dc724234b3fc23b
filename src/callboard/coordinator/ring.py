"""The newest frames of the stream in groups, shared by all readers and bounded in bytes. Reads nothing itself."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from callboard.coordinator.frames import Frame, View
from callboard.coordinator.services.feed import Cursor

GROUP_BYTES: Final = 64 * 1024
"""Frames that are written together; a larger single frame is a group of its own."""
FRAME_OVERHEAD: Final = 300
"""What a frame takes in memory besides its bytes, about."""
MADE_GROUPS: Final = 64
"""For how many of the newest groups the bytes of each view are remembered."""


class Group:
    """Frames that go out together; the bytes of each view are made once."""

    __slots__ = ("_always", "_first", "_made", "frames", "last", "size")

    def __init__(self, frames: Sequence[Frame], always: bytes = b"") -> None:
        """`always` is what every reader gets, whatever its view."""
        cursors = [frame.cursor for frame in frames if frame.cursor is not None]
        self.frames = frames
        self.size = FRAME_OVERHEAD + sum(len(frame.data) + FRAME_OVERHEAD for frame in frames)
        self.last = cursors[-1] if cursors else None
        self._first = cursors[0] if cursors else None
        self._always = always
        self._made: dict[View, bytes] = {}

    def bytes_for(self, view: View, after: Cursor) -> bytes:
        """What a reader with this view gets who has come up to this cursor."""
        if self._first is not None and self._first <= after:
            return self._always + join(view, self.frames, after)
        made = self._made.get(view)
        if made is None:
            made = self._made[view] = self._always + join(view, self.frames, after)
        return made

    def forget_made(self) -> None:
        """Frees the bytes of the views; they can be made again."""
        self._made = {}


def join(view: View, frames: Sequence[Frame], after: Cursor) -> bytes:
    """The bytes of the frames that the view admits; events up to the cursor are left out."""
    return b"".join(
        frame.data for frame in frames if (frame.cursor is None or frame.cursor > after) and view.admits(frame)
    )


def split(frames: Sequence[Frame]) -> list[list[Frame]]:
    """The frames in order, in parts of bounded size."""
    parts: list[list[Frame]] = []
    size = GROUP_BYTES
    for frame in frames:
        if size + len(frame.data) > GROUP_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(frame)
        size += len(frame.data)
    return parts


class Ring:
    """The newest groups, numbered without gaps."""

    def __init__(self, limit_bytes: int, floor: Cursor) -> None:
        self.floor = floor
        """Every event behind this place, as far as it was read, is in the groups."""
        self.news = asyncio.Event()
        """Set, and replaced by another, when groups were added or a reader has to look up."""
        self._limit_bytes = limit_bytes
        self._groups: deque[Group] = deque()
        self._first_number = 0
        self._kept_bytes = 0

    @property
    def next_number(self) -> int:
        """The number that the next group will get."""
        return self._first_number + len(self._groups)

    def group(self, number: int) -> Group | None:
        """The group of a number below the next; None when it is not kept any more."""
        place = number - self._first_number
        return self._groups[place] if place >= 0 else None

    def number_after(self, cursor: Cursor) -> int:
        """The number of the first group that may hold something behind a cursor that is not before the floor."""
        for place in range(len(self._groups) - 1, -1, -1):
            last = self._groups[place].last
            if last is not None and last <= cursor:
                return self._first_number + place + 1
        return self._first_number

    def add(self, frames: Sequence[Frame], always: bytes = b"") -> None:
        """Adds frames in their order and wakes the readers; the oldest groups go when there are too many."""
        for part in split(frames) or [[]]:
            group = Group(part, always)
            self._groups.append(group)
            self._kept_bytes += group.size
            if len(self._groups) > MADE_GROUPS:
                self._groups[-1 - MADE_GROUPS].forget_made()
        while self._kept_bytes > self._limit_bytes and len(self._groups) > 1:
            self._drop_oldest()
        self.wake()

    def wake(self) -> None:
        """Lets every waiting reader look up."""
        self.news.set()
        self.news = asyncio.Event()

    def _drop_oldest(self) -> None:
        dropped = self._groups.popleft()
        self._first_number += 1
        self._kept_bytes -= dropped.size
        self.floor = dropped.last or self.floor
