"""Makes what an agent wrote fit for an event: readable JSON, valid text, within the size of a payload."""

import json
from typing import Any, Final

import msgspec

from callboard.domain.event import MAX_PAYLOAD_BYTES

LIMIT_BYTES: Final = MAX_PAYLOAD_BYTES - 4096
_CAPS: Final = (65_536, 16_384, 4_096, 1_024, 256)
_MAX_ITEMS: Final = 200
_MAX_DEPTH: Final = 60
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def read_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a line is; None when it is none."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        try:  # it forgives half surrogate pairs and numbers of any size
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def fit(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload itself, or a copy with long texts cut and `truncated` set; never NUL or half characters."""
    clean = payload if _is_clean(payload) else _shorten(payload, None, 0)
    for cap in _CAPS:
        if _size(clean) <= LIMIT_BYTES:
            return clean
        clean = _shorten(payload, cap, 0) | {"truncated": True}
    if _size(clean) <= LIMIT_BYTES:
        return clean
    return {key: value for key, value in clean.items() if not isinstance(value, dict | list)}


def cut(text: str, limit: int) -> str:
    """The text, or its head and how much was cut."""
    return text if len(text) <= limit else f"{text[:limit]}…[cut {len(text) - limit} characters]"


def _is_clean(payload: dict[str, Any]) -> bool:
    try:
        return b"\\u0000" not in msgspec.json.encode(payload)
    except (UnicodeEncodeError, OverflowError, RecursionError):
        return False


def _size(payload: dict[str, Any]) -> int:
    return len(msgspec.json.encode(payload))


def _shorten(value: Any, cap: int | None, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return _REPLACEMENT
    if isinstance(value, str):
        text = value.replace("\0", _REPLACEMENT).encode("utf-8", "replace").decode()
        return cut(text, cap) if cap else text
    if isinstance(value, dict):
        items = list(value.items())[: _MAX_ITEMS if cap else None]
        return {_shorten(key, cap, depth + 1): _shorten(item, cap, depth + 1) for key, item in items}
    if isinstance(value, list):
        return [_shorten(item, cap, depth + 1) for item in value[: _MAX_ITEMS if cap else None]]
    if isinstance(value, int) and abs(value) >= 2**63:
        return float(value) if abs(value) < 2**1000 else _REPLACEMENT
    return value
