"""Reads the journal that a keeper writes: records by offset, whole ones only.

Knows the format and nothing of what the lines mean; never writes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec

CHUNK_BYTES: Final = 256 * 1024
MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
_HEADER = re.compile(rb"(\d{1,16}) ([a-z]) (\d{1,10})\n")
_HEADER_BYTES: Final = 32


class JournalBroken(Exception):
    """The journal holds bytes that are no record; `offset` says where."""

    def __init__(self, path: Path, offset: int) -> None:
        super().__init__(f"{path} holds no record at offset {offset}.")
        self.offset = offset


@dataclass(frozen=True)
class Record:
    """One entry: `channel` o (stdout), e (stderr), i (input) or k (a fact of the keeper)."""

    launch: int
    offset: int
    end: int
    """The offset of the next record; also what to acknowledge once this one is safe."""
    t_ms: int
    channel: str
    data: bytes

    @property
    def text(self) -> str:
        """The bytes as text: invalid ones and NUL replaced."""
        return self.data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")

    @cached_property
    def fact(self) -> dict[str, Any]:
        """What the keeper noted; empty for other channels."""
        return msgspec.json.decode(self.data, type=dict[str, Any]) if self.channel == "k" else {}

    def is_fact(self, *names: str) -> bool:
        """Whether this is one of these facts of the keeper."""
        return self.channel == "k" and self.fact.get("fact") in names

    @property
    def is_last(self) -> bool:
        """Whether nothing follows in this launch."""
        return self.is_fact("gone", "launch_failed")

    @property
    def input_id(self) -> str:
        """The id of an input record; empty for other channels."""
        return self.data.partition(b" ")[0].decode() if self.channel == "i" else ""

    @property
    def input_text(self) -> str:
        """What was written to the agent; empty for other channels."""
        return self.data.partition(b" ")[2].decode("utf-8", "replace") if self.channel == "i" else ""

    def key(self, index: int) -> str:
        """The client key of the n-th event of this record: the same at each reading, ascending as text."""
        return f"{self.launch}.{self.offset:012d}.{index:02d}"


class JournalReader:
    """Reads records in order from an offset; a record that is only half there is left for later."""

    def __init__(self, path: Path, launch: int, offset: int = 0) -> None:
        self.offset = offset
        self._path = path
        self._launch = launch
        self._buffer = b""
        self._start = 0

    def read(self) -> Iterator[Record]:
        """Yields the records that are complete now; JournalBroken when the bytes are no journal."""
        while True:
            while found := self._parse():
                self._start += found.end - self.offset
                self.offset = found.end
                yield found
            more = self._more()
            if not more:
                return
            self._buffer = self._buffer[self._start :] + more
            self._start = 0

    def _more(self) -> bytes:
        unread = len(self._buffer) - self._start
        with self._path.open(
            "rb", buffering=0
        ) as file:  # for each read anew: whoever stops reading leaves nothing open
            file.seek(self.offset + unread)
            return file.read(max(CHUNK_BYTES, unread))

    def _parse(self) -> Record | None:
        unread = len(self._buffer) - self._start
        header = _HEADER.match(self._buffer, self._start)
        if not header:
            if unread >= _HEADER_BYTES:
                raise JournalBroken(self._path, self.offset)
            return None
        begin, length = header.end(), int(header[3])
        if length > MAX_RECORD_BYTES:
            raise JournalBroken(self._path, self.offset)
        if len(self._buffer) <= begin + length:
            return None
        if self._buffer[begin + length] != ord("\n"):
            raise JournalBroken(self._path, self.offset)
        data = self._buffer[begin : begin + length]
        end = self.offset + header.end() - header.start() + length + 1
        return Record(self._launch, self.offset, end, int(header[1]), header[2].decode(), data)
