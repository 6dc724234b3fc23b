"""Milliseconds of the database <-> RFC 3339 text of the API."""

from datetime import UTC, datetime
from typing import Final

LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999: the last time that RFC 3339 can write."""


def rfc3339(time_ms: int) -> str:
    """A time in Unix milliseconds as text, in UTC, with milliseconds; one of a broken clock as the nearest possible."""
    time_ms = max(0, min(time_ms, LATEST_MS))
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"


def rfc3339_or_none(time_ms: int | None) -> str | None:
    """The same, where the time may be absent."""
    return None if time_ms is None else rfc3339(time_ms)


def to_ms(text: str) -> int:
    """Unix milliseconds of an RFC 3339 text; ValueError when it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
