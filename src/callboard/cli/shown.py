"""States, groups and times as people see them, one vocabulary for all commands; never by colour alone."""

from datetime import UTC, datetime
from typing import Final

from callboard.cli.output import Span, Style, span
from callboard.cli.text import duration, short_id
from callboard.client import clock
from callboard.wire.responses import Session
from callboard.wire.times import to_ms

GROUPS: Final = {
    "needs_you": "NEEDS YOU",
    "ready_for_review": "READY FOR REVIEW",
    "working": "WORKING",
    "queued": "QUEUED",
    "done": "DONE",
}
_STATES: Final[dict[str, tuple[str, Style]]] = {
    "pending": ("…", "yellow"),
    "claimed": ("▸", "cyan"),
    "running": ("▸", "cyan"),
    "stopping": ("◼", "yellow"),
    "interrupted": ("⚡", "magenta"),
    "finished": ("✓", "green"),
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "stopped": ("◼", "dim"),
    "online": ("●", "green"),
    "draining": ("◐", "yellow"),
    "lost": ("○", "red"),
}


def state(status: str) -> Span:
    """A state with its sign and colour."""
    sign, style = _STATES.get(status, ("?", "dim"))
    return span(f"{sign} {status}", style)


def state_of(session: Session) -> Span:
    """A session's state; what it waits for outweighs it."""
    if session.waiting_for:
        return span(f"! {session.waiting_for}", "yellow", "bold")
    return state(session.status)


def title_of(session: Session) -> str:
    """A session's title; of a work session with all its issues."""
    title, numbers = session.title or "", ", ".join(f"#{issue['number']}" for issue in session.issues)
    return title if title.startswith(numbers) else f"{numbers} {title}".strip()


def seconds_since(moment: str | None) -> float:
    """How long ago a time of the API was, by this machine's clock."""
    return 0.0 if moment is None else max(0.0, clock.wall_ms() / 1000 - to_ms(moment) / 1000)


def seconds_until(moment: str | None) -> float:
    """How long until a time of the API, by this machine's clock."""
    return 0.0 if moment is None else max(0.0, to_ms(moment) / 1000 - clock.wall_ms() / 1000)


def ago(moment: str | None) -> str:
    """How long ago, in short."""
    return "" if moment is None else duration(seconds_since(moment))


def clock_time(moment: str) -> str:
    """The time of day on this machine, with milliseconds."""
    here = datetime.fromtimestamp(to_ms(moment) / 1000, UTC).astimezone()
    return f"{here:%H:%M:%S}.{here.microsecond // 1000:03d}"


def name_of(full_id: str, *, short: bool) -> str:
    """An id as a table shows it: short where a person reads, whole where a program does."""
    return short_id(full_id) if short else full_id
