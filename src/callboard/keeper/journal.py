"""Writes the journal: output cut into bounded lines, one record each, in the order in which things happened."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


class Lines:
    """Cuts a stream into lines of bounded length; what is beyond the bound is counted and not kept."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.head = bytearray()
        self.beyond = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that this data completes."""
        first, *others = data.split(b"\n")
        self._add(first)
        if not others:
            return []
        lines = [self.take()]
        for piece in others[:-1]:
            self._add(piece)
            lines.append(self.take())
        self._add(others[-1])
        return lines

    @property
    def empty(self) -> bool:
        """Whether nothing of a line is there."""
        return not self.head

    def take(self) -> bytes:
        """What is there of the current line, which ends here."""
        line = bytes(self.head)
        if self.beyond:
            line += f"…[cut {self.beyond} bytes]".encode()
        self.head.clear()
        self.beyond = 0
        return line

    def _add(self, piece: bytes) -> None:
        room = self.limit - len(self.head)
        self.head += piece[:room]
        self.beyond += max(0, len(piece) - room)


class Journal:
    """The append-only file of records; holds back what the disk does not take, and says when it is full."""

    def __init__(self, path: Path, limit: int, *, exclusive: bool = True) -> None:
        create = os.O_CREAT | os.O_EXCL if exclusive else 0
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | create, 0o600)
        self.limit = limit
        self.size = os.fstat(self.file).st_size
        self.acknowledged = 0
        self.waiting = b""

    @property
    def full(self) -> bool:
        """Whether output has to wait."""
        return bool(self.waiting) or self.size - self.acknowledged >= self.limit

    def append(self, channel: str, *lines: bytes) -> None:
        """Adds one record a line."""
        head = f"{time.time_ns() // 1_000_000} {channel} ".encode()
        self.waiting += b"".join(b"%s%d\n%s\n" % (head, len(line), line) for line in lines)
        self.flush()

    def fact(self, name: str, /, **details: Any) -> None:
        """Adds a fact of our own."""
        self.append("k", json.dumps({"fact": name, **details}).encode())

    def acknowledge(self, offset: int) -> None:
        """Makes room: everything before this offset is safe elsewhere."""
        self.acknowledged = max(self.acknowledged, min(offset, self.size))

    def flush(self) -> None:
        """Writes what waits; what cannot be written (a full disk) goes on waiting."""
        try:
            while self.waiting:
                written = os.write(self.file, self.waiting)
                self.size += written
                self.waiting = self.waiting[written:]
        except OSError as problem:
            sys.stderr.write(f"journal: {problem}\n")

    def close(self) -> None:
        """Makes all of it durable."""
        os.fsync(self.file)
