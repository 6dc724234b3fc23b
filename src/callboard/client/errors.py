"""Answers of the coordinator that are errors, raised again as the class that the service raised.

CallboardError (domain)
└── Unavailable (domain)
    └── Unreachable       no connection, or it broke before the answer was there
"""

from collections.abc import Mapping

import msgspec

from callboard.domain.errors import CODES, CallboardError, Unavailable
from callboard.wire.errors import class_of
from callboard.wire.responses import Problem


class Unreachable(Unavailable):
    """No connection to the coordinator, or it broke before the answer was there: the effect is not known."""


def error_of(status: int, headers: Mapping[str, str], content: bytes) -> CallboardError:
    """The error that an answer is; its `request_id` is the coordinator's."""
    error = _read(status, content)
    error.request_id = error.request_id or headers.get("x-request-id", "")
    return error


def _read(status: int, content: bytes) -> CallboardError:
    kind = class_of(status)
    try:
        problem = msgspec.json.decode(content, type=Problem)
    except msgspec.DecodeError:
        return kind(
            f"The answer was HTTP {status} and not in the form of Callboard; is something else at this address?"
        )
    known = problem.code in CODES
    detail = problem.detail or problem.title
    error = kind(
        detail if known else f"{detail} ({problem.code})",
        code=problem.code if known else None,
        hint=problem.hint,
        errors=problem.errors,
    )
    error.request_id = problem.request_id
    return error


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The pause that the coordinator wishes for; None when it names none in seconds."""
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
