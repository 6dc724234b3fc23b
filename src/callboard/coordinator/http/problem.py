"""Errors become application/problem+json (RFC 9457). Details of a defect stay in the log."""

from typing import Final

import msgspec

from callboard.coordinator.http.answer import API_HEADERS, Answer, Header
from callboard.domain.errors import (
    CODES,
    CallboardError,
    Internal,
    MethodNotAllowed,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from callboard.wire.errors import status_of
from callboard.wire.responses import Problem

PROBLEM: Final[Header] = (b"content-type", b"application/problem+json")
TYPE_PREFIX: Final = "urn:callboard:problem:"
_RETRY: Final[tuple[Header, ...]] = ((b"retry-after", b"1"),)
_EXTRA: Final[dict[type[CallboardError], tuple[Header, ...]]] = {
    Unauthenticated: ((b"www-authenticate", b'Bearer realm="callboard"'),),
    RateLimited: _RETRY,
    Unavailable: _RETRY,
    TooLarge: ((b"connection", b"close"),),
}


def render_problem(error: CallboardError, request_id: str, allow: str = "") -> Answer:
    """The answer to an error; `allow` lists the methods of an address that does not take this one."""
    status = status_of(error)
    problem = Problem(
        type=TYPE_PREFIX + error.code,
        title=CODES[error.code],
        status=status,
        detail=error.detail,
        code=error.code,
        request_id=request_id,
        hint=error.hint,
        errors=error.errors,
    )
    extra = _EXTRA.get(type(error), ())
    if isinstance(error, MethodNotAllowed):
        extra = ((b"allow", allow.encode()),)
    return Answer(status, msgspec.json.encode(problem), (PROBLEM, *API_HEADERS, *extra))


def defect() -> Internal:
    """What is told of an error that nobody foresaw."""
    return Internal("Something went wrong inside the coordinator.", hint="The log has the details under request_id.")
