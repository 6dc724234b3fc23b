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
_ESCAPE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2}))"  # NUL, or half a pair
    rb"|\\.",
    re.DOTALL,
)
SMALL_BYTES: Final = 4096
"""A body up to this size cannot hold a text over its limit; a larger one is looked at part by part."""


def may_hold_bad_escapes(body: bytes) -> bool:
    """Whether NUL or a surrogate may be in it; cheap, and never wrongly false."""
    return b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body


def mend(body: bytes) -> bytes:
    """The same JSON with the replacement character for each NUL and half pair."""
    return _ESCAPE.sub(lambda found: _REPLACEMENT if found[1] else found[0], body)


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
