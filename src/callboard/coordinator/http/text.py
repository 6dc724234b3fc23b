r"""Texts inside JSON that may not be stored: escapes of NUL and half surrogate pairs, found and mended as bytes.

msgspec refuses a half surrogate pair and bytes that are no UTF-8 in the texts that it reads; a NUL (\u0000) it takes,
and in parts that are kept raw it leaves bytes that are no UTF-8 alone.
"""

import json
import re
from typing import Any, Final

import msgspec

from callboard.domain.errors import InvalidRequest
from callboard.domain.text import check_tree

_REPLACEMENT: Final = rb"\ufffd"
_SUSPECT: Final = re.compile(
    rb"\\u(?:0000|[dD][89abAB][0-9a-fA-F]{2}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|[dD][c-fC-F][0-9a-fA-F]{2})"
)
"""NUL, half a pair, or a whole pair (group 1 is its second half). Begins with fixed bytes: the search is fast."""
SMALL_BYTES: Final = 4096
"""A body up to this size cannot hold a text over its limit; a larger one is looked at part by part."""


def may_hold_bad_escapes(body: bytes) -> bool:
    """Whether NUL or a surrogate may be in it; cheap, and never wrongly false."""
    return b"\\u" in body and (b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body)


def mend(body: bytes) -> bytes:
    """The same JSON with the replacement character for each NUL and half pair."""
    return _SUSPECT.sub(_mended, body)


def _mended(found: re.Match[bytes]) -> bytes:
    whole, second_half = found[0], found[1]
    if _is_escaped(found.string, found.start()):
        return whole[: -len(second_half)] + _REPLACEMENT if second_half else whole
    return whole if second_half else _REPLACEMENT


def _is_escaped(body: bytes, place: int) -> bool:
    """Whether the backslash at a place is itself part of an escaped backslash: an odd number stands before it."""
    before = place
    while before > 0 and body[before - 1] == 0x5C:
        before -= 1
    return (place - before) % 2 == 1


def check_unicode(body: bytes) -> None:
    """InvalidRequest `invalid_json` unless all of it is UTF-8."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"The body is no UTF-8 at byte {error.start}.", code="invalid_json") from None


def check_texts(decoded: msgspec.Struct) -> None:
    """Every text and number of a request; InvalidRequest or TooLarge names the place by a JSON pointer."""
    check_tree(msgspec.to_builtins(decoded), "")


def explain_bad_escapes(body: bytes) -> None:
    """InvalidRequest `invalid_text` with its place when half a surrogate pair is why the body could not be read."""
    if not may_hold_bad_escapes(body):
        return
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return
    check_tree(value, "")
