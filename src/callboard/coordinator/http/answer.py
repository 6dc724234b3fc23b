"""Answers on their way out: status, headers and body, written to ASGI. Knows no route and no service."""

from typing import Any, Final

import msgspec
from starlette.types import Send

from callboard import __version__

Header = tuple[bytes, bytes]

SECURITY_HEADERS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
API_HEADERS: Final[tuple[Header, ...]] = (
    *SECURITY_HEADERS,
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
JSON: Final[Header] = (b"content-type", b"application/json")

_encoder = msgspec.json.Encoder()
_lengths: Final = tuple(str(length).encode() for length in range(4096))


class Answer:
    """A whole answer; `body` is sent as it is."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", headers: tuple[Header, ...] = API_HEADERS) -> None:
        self.status = status
        self.body = body
        self.headers = headers


VERSION: Final[Header] = (b"x-callboard-version", __version__.encode())
"""So that a client of another version can say why it does not understand."""
JSON_HEADERS: Final = (JSON, VERSION, *API_HEADERS)
NO_CONTENT: Final = 204

ALREADY_SENT: Final = Answer(200)
"""What a handler returns that has written its answer itself."""


def render_json(value: Any, status: int = 200) -> Answer:
    """A wire struct as JSON; None is an answer without content."""
    if value is None:
        return Answer(NO_CONTENT)
    return Answer(status, _encoder.encode(value), JSON_HEADERS)


async def write(send: Send, answer: Answer, request_id: bytes) -> None:
    """Sends an answer."""
    headers = [*answer.headers, (b"x-request-id", request_id)]
    if answer.status != NO_CONTENT:
        size = len(answer.body)
        headers.append((b"content-length", _lengths[size] if size < len(_lengths) else str(size).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
