"""Pages of a list: the bounds of a page and the opaque mark that says where the next one begins."""

import base64
import binascii
from typing import Any, Final

from callboard.domain.errors import InvalidRequest
from callboard.wire.responses import Page

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
_MAX_MARK: Final = 1000


def check_limit(limit: int) -> int:
    """The number of items asked for; InvalidRequest unless it is from 1 to 200."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidRequest(
            f"limit is {limit}; it must be from 1 to {MAX_LIMIT}.", errors=[{"pointer": "limit", "maximum": MAX_LIMIT}]
        )
    return limit


def write_mark(list_name: str, position: str) -> str:
    """The mark of a position (the key of the last item seen) in a list."""
    return base64.urlsafe_b64encode(f"{list_name}\0{position}".encode()).decode().rstrip("=")


def read_mark(list_name: str, page: str | None, first: str) -> str:
    """The position that a mark of this list holds, `first` without a mark; InvalidRequest `invalid_page` else."""
    if not page:
        return first
    made_for, separator, position = _decode(page).partition("\0")
    if not separator or made_for != list_name or "\0" in position:
        raise _invalid(page)
    return position


def _decode(page: str) -> str:
    if len(page) > _MAX_MARK:
        raise _invalid(page)
    try:
        padded = page.encode("ascii") + b"=" * (-len(page) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise _invalid(page) from None


def _invalid(page: str) -> InvalidRequest:
    return InvalidRequest(
        f"{page[:80]!r} is no page mark of this list.",
        code="invalid_page",
        hint="Take next_page of the page before, or leave page out.",
    )


def page_of(list_name: str, items: list[Any], limit: int, last: str | None) -> Page:
    """A page; `last` is the key of the last item when more follow, else None."""
    return Page(items=items, next_page=None if last is None else write_mark(list_name, last), limit=limit)
