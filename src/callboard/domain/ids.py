"""TypeIDs: a prefix, an underscore and a UUIDv7 in 26 characters of Crockford base32.

Takes time and randomness as arguments; knows no clock and stores nothing.
Source of the form: the TypeID specification 0.3; of the UUID: RFC 9562, section 5.7.
"""

import hashlib
import re
import uuid
from collections.abc import Callable
from typing import Final, Protocol

SESSION: Final = "ses"
RUN: Final = "run"
CALLBACK: Final = "cbk"
APPROVAL: Final = "apr"
MESSAGE: Final = "msg"
TOKEN: Final = "tok"
NONCE: Final = "nnc"
RUNNER: Final = "rnr"
PROJECT: Final = "prj"
JOB: Final = "job"
GUIDANCE: Final = "gdn"
TASK: Final = "tsk"
MILESTONE: Final = "mst"

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
"""Two characters for each value of ten bits: an id is made twice as fast."""
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_TYPEID = re.compile(r"^(ses|run|cbk|apr|msg|tok|prj|job|gdn|tsk|mst)_([0-7][0-9a-hjkmnp-tv-z]{25})$")
_RUNNER_ID = re.compile(r"^rnr_[0-9a-f]{20}$")


class Ids(Protocol):
    """Where new ids come from."""

    def new(self, prefix: str) -> str:
        """A new id with this prefix."""


def uuid7(time_ms: int, random_bits: int) -> uuid.UUID:
    """A UUIDv7 of this Unix time in milliseconds and these 74 random bits."""
    high = (time_ms & (2**48 - 1)) << 16 | 0x7 << 12 | (random_bits >> 62) & 0xFFF
    low = 0b10 << 62 | random_bits & (2**62 - 1)
    return uuid.UUID(int=high << 64 | low)


def encode(prefix: str, value: uuid.UUID) -> str:
    """The TypeID of a prefix and a UUID."""
    number = value.int
    return prefix + "_" + "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def uuid_of(typeid: str) -> uuid.UUID:
    """The UUID inside a TypeID; ValueError when the text is none."""
    found = _TYPEID.match(typeid)
    if not found:
        raise ValueError(f"not an id: {typeid!r}")
    number = 0
    for character in found[2]:
        number = number << 5 | _VALUES[character]
    return uuid.UUID(int=number)


def is_id(prefix: str, text: str) -> bool:
    """Whether the text is a well-formed id of this prefix."""
    if prefix == RUNNER:
        return bool(_RUNNER_ID.match(text))
    found = _TYPEID.match(text)
    return bool(found) and text.startswith(prefix + "_")


def runner_id(hostname: str, project_dir: str, name: str) -> str:
    """The id of a runner: the same machine, directory and name always give the same one."""
    digest = hashlib.sha256("\0".join((hostname, project_dir, name)).encode()).hexdigest()
    return f"{RUNNER}_{digest[:20]}"


class IdSource:
    """Makes ids that sort by creation, also within one millisecond; time and randomness are given to it."""

    def __init__(self, now_ms: Callable[[], int], random_bits: Callable[[int], int]) -> None:
        self._now_ms = now_ms
        self._random_bits = random_bits
        self._last = 0

    def new_uuid(self) -> uuid.UUID:
        """A UUIDv7 greater than every earlier one of this source."""
        made = uuid7(self._now_ms(), self._random_bits(74))
        if made.int <= self._last:
            made = _after(self._last, self._random_bits(32))
        self._last = made.int
        return made

    def new(self, prefix: str) -> str:
        """A new id with this prefix."""
        return encode(prefix, self.new_uuid())


def _after(last: int, step: int) -> uuid.UUID:
    """A UUIDv7 a random step above another; version and variant bits are kept by counting in the 74 bits."""
    time_ms, random_bits = last >> 80, (last >> 64 & 0xFFF) << 62 | last & (2**62 - 1)
    random_bits += 1 + step
    return uuid7(time_ms + (random_bits >> 74), random_bits & (2**74 - 1))
