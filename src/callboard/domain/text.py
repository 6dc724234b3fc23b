"""What text and numbers a request may carry: valid Unicode without NUL, within documented sizes."""

import math
import unicodedata
from typing import Any, Final

from callboard.domain.errors import InvalidRequest, TooLarge

MAX_PROMPT_BYTES: Final = 1024 * 1024
MAX_TITLE: Final = 200
MAX_INTEGER: Final = 2**53
MAX_DEPTH: Final = 64
_NOT_IN_LINES: Final = ("Cc", "Zl", "Zp")
MAX_NODES: Final = 200_000


def check_text(value: str, where: str, *, limit_bytes: int = MAX_PROMPT_BYTES, empty: bool = True) -> str:
    """The text itself; InvalidRequest `invalid_text` or TooLarge when it may not be stored."""
    if "\0" in value:
        raise InvalidRequest(f"{where} holds a NUL character.", code="invalid_text", errors=[{"pointer": where}])
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidRequest(
            f"{where} holds half a surrogate pair.", code="invalid_text", errors=[{"pointer": where}]
        ) from None
    if size > limit_bytes:
        raise TooLarge(f"{where} has {size} bytes; the limit is {limit_bytes}.")
    if not empty and not value.strip():
        raise InvalidRequest(f"{where} is empty.", code="invalid_text", errors=[{"pointer": where}])
    return value


def check_line(value: str, where: str) -> str:
    """The text itself; InvalidRequest `invalid_text` when it is empty, or not one line of letters that are shown."""
    check_text(value, where, empty=False)
    if any(unicodedata.category(letter) in _NOT_IN_LINES for letter in value):
        problem = f"{where} holds a line end or another control character; it is one line."
        raise InvalidRequest(problem, code="invalid_text", errors=[{"pointer": where}])
    return value


def check_tree(value: Any, where: str) -> None:
    """Checks every text and number of a JSON value; bounded in depth and count."""
    waiting: list[tuple[Any, str, int]] = [(value, where, 0)]
    seen = 0
    while waiting:
        item, pointer, depth = waiting.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_NODES:
            raise InvalidRequest(f"{where or 'The body'} is nested too deeply or has too many parts.")
        if isinstance(item, str):
            check_text(item, pointer)
        elif isinstance(item, float | int) and not isinstance(item, bool):
            _check_number(item, pointer)
        elif isinstance(item, dict):
            for key, child in item.items():
                check_text(key, f"{pointer}/{key[:40]!r}")
                waiting.append((child, f"{pointer}/{key}", depth + 1))
        elif isinstance(item, list):
            waiting.extend((child, f"{pointer}/{index}", depth + 1) for index, child in enumerate(item))


def _check_number(value: float | int, pointer: str) -> None:
    if abs(value) > MAX_INTEGER or math.isnan(value):
        raise InvalidRequest(f"{pointer} is a number beyond 2^53.", errors=[{"pointer": pointer}])
