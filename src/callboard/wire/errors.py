"""Error class and code <-> HTTP status, both ways."""

from typing import Final

from callboard.domain import errors

STATUS_OF: Final[dict[type[errors.CallboardError], int]] = {
    errors.InvalidRequest: 422,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.Misdirected: 421,
    errors.PreconditionRequired: 428,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
    errors.Internal: 500,
}
_CLASS_OF: Final = {status: kind for kind, status in STATUS_OF.items()} | {400: errors.InvalidRequest}


def status_of(error: errors.CallboardError) -> int:
    """The HTTP status of an error; 400 for a body that cannot be read at all."""
    if error.code in ("invalid_json", "invalid_id", "invalid_page", "invalid_cursor"):
        return 400
    if error.code == "cross_site":
        return 403
    return STATUS_OF[type(error)]


def class_of(status: int) -> type[errors.CallboardError]:
    """The error class of an HTTP status, for the client."""
    return _CLASS_OF.get(status, errors.Internal if status >= 500 else errors.InvalidRequest)
