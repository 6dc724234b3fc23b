"""A creating request that may be sent again: its key, and what makes it the same request."""

import hashlib
from typing import Final

import msgspec

KEPT_MS: Final = 24 * 3_600_000
"""How long an answer is kept for its repeats, in milliseconds."""
MAX_KEY: Final = 200


class Idempotency(msgspec.Struct, frozen=True, kw_only=True):
    """An Idempotency-Key of one token, or of the one behind a browser's login, and the hash of the request with it."""

    token_id: str
    key: str
    body_hash: str


def body_hash(address: str, body: bytes) -> str:
    """SHA-256 (hex) of a request: its method and path, and the bytes of its body."""
    return hashlib.sha256(address.encode() + b"\0" + body).hexdigest()
