"""Text for people: what agents wrote made safe for a terminal; times, money and ids in short forms. All pure."""

import math
import re
import unicodedata
from typing import Final

from callboard.domain.errors import InvalidRequest
from callboard.domain.usage import UsageTotal

_ESCAPES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, movements
    r"|[\x1b\x9d]\]?[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)"  # OSC and the like: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]"  # two characters: charsets, reset
)
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_JSON_CONTROLS: Final = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SHORT_ID: Final = 8
MAX_SECONDS: Final = 36_500 * 86_400


def clean(text: str) -> str:
    """The text without control bytes, escape sequences and marks that turn or hide text; newlines and tabs stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def clean_json(text: str) -> str:
    """JSON text in which also those control characters are escaped that JSON allows as they are."""
    return _JSON_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """The cleaned text on a single line."""
    return " ".join(clean(text).split())


def width(text: str) -> int:
    """How many cells of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def fit(text: str, cells: int) -> str:
    """The text cut to so many cells, with an ellipsis where something is missing."""
    if width(text) <= cells:
        return text
    kept, used = [], 1
    for character in text:
        used += width(character)
        if used > cells:
            break
        kept.append(character)
    return "".join(kept) + "…"


def short_id(full_id: str) -> str:
    """The last characters of an id, as many as a reference needs: with a letter among them."""
    for length in range(_SHORT_ID, len(full_id) + 1):
        if not full_id[-length:].isdigit():
            return full_id[-length:]
    return full_id


def seconds_of(text: str) -> float:
    """A duration such as `90`, `30s`, `5m`, `1h30m` in seconds; InvalidRequest when it is none."""
    seconds = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else _in_units(text)
    if seconds > MAX_SECONDS:
        raise InvalidRequest(f"{text[:20]!r} is over {MAX_SECONDS // 86_400} days.", hint="Write 90, 30s, 5m or 2d.")
    return seconds


def _in_units(text: str) -> float:
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidRequest(f"{text!r} is no duration.", hint="Write 90, 30s, 5m, 1h30m or 2d.")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def duration(seconds: float) -> str:
    """A time span in at most two units."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m" + (f" {whole % 60}s" if whole < 600 and whole % 60 else "")
    if whole < 86_400:
        return f"{whole // 3600}h" + (f" {whole % 3600 // 60}m" if whole % 3600 >= 60 else "")
    return f"{whole // 86_400}d" + (f" {whole % 86_400 // 3600}h" if whole % 86_400 >= 3600 else "")


def microdollars(amount: float) -> int:
    """Dollars as a person writes them. InvalidRequest when that is no amount."""
    if not math.isfinite(amount):
        raise InvalidRequest(f"--budget {amount} is no amount.", hint="Write dollars, such as 2.50.")
    whole = round(amount * 1_000_000)
    if whole <= 0:
        raise InvalidRequest("--budget must be more than 0.", hint="Write dollars, such as 2.50.")
    return whole


def dollars(amount: int) -> str:
    """Micro-dollars as a person reads them."""
    return f"${amount / 1_000_000:.4f}"


def money(total: UsageTotal) -> str:
    """What it cost, in dollars; `≥` when some of it has no price, `~` when it is from our price table."""
    if total.cost_microdollars is None:
        return "?" if total.unpriced else ""
    mark = "≥" if total.unpriced else "~" if total.estimated else ""
    return mark + dollars(total.cost_microdollars)
