"""`logs`: a session's log, from the past and live."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Any, Final

from cyclopts import Parameter
from cyclopts.types import PositiveInt

from callboard.cli.context import Context
from callboard.cli.event_lines import event_parts, payload_of, text_of
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import Output, span
from callboard.cli.references import session_id_of
from callboard.cli.run import SessionReference
from callboard.cli.shown import clock_time
from callboard.cli.text import seconds_of
from callboard.client import calls, clock
from callboard.client.retry import RetryPolicy
from callboard.client.stream import Delta, Gap, StreamFilter
from callboard.client.stream import follow as follow_stream
from callboard.client.transport import Client
from callboard.wire.responses import Event
from callboard.wire.times import to_ms

PAGE: Final = 200
PATIENT: Final = RetryPolicy(attempts=60)
"""Whoever follows was connected already: a coordinator that is away now comes back; about two minutes."""
_ENDING: Final = ("run_completed",)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which events are shown."""

    since: Annotated[
        str | None, Parameter(help="Only what is newer: 10m, 2h, or a time such as 2026-01-31T12:00Z.")
    ] = None
    tail: Annotated[PositiveInt | None, Parameter(help="Only the last so many.")] = None
    types: Annotated[str | None, Parameter(help="Only these event types, separated by commas.")] = None

    @property
    def type_names(self) -> tuple[str, ...]:
        """The event types that are wanted; none means all."""
        return tuple(name.strip() for name in (self.types or "").split(",") if name.strip())


_ALL: Final = Selection()


def logs(
    reference: SessionReference,
    /,
    *,
    follow: Annotated[
        bool, Parameter(name=["--follow", "-f"], help="Go on live until nothing of the session runs or waits.")
    ] = False,
    keep: Annotated[bool, Parameter(help="With -f: stay when the session has ended, for its next run.")] = False,
    selection: Selection = _ALL,
    raw: Annotated[bool, Parameter(help="Print what agents wrote as it is, with control bytes.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """The log of a session: messages, tool calls and what happened to its runs."""
    context = Context(show, where, raw=raw)
    session_id = session_id_of(context.client, reference, context.settings["project"])
    printer = _Printer(context.output, live=follow)
    since_ms = None if selection.since is None else _moment_ms(selection.since)
    history = _History(context.client, session_id, selection.type_names, since_ms)
    shown = 0
    for event in history.events() if selection.tail is None else history.last(selection.tail):
        printer.event(event)
        shown += 1
    if not shown and selection.type_names:
        context.output.note(f"No event that was asked for is of {' or '.join(selection.type_names)}.")
    if history.begins_with > 1:
        context.output.note(f"The log begins with event {history.begins_with}; what was before is not kept any more.")
    if follow:
        _follow(context, session_id, selection.type_names, history.cursor, printer, keep=keep)
    return 0


class _History:
    """What the log holds now; afterwards `cursor` is where it ended."""

    def __init__(self, client: Client, session_id: str, types: tuple[str, ...], since_ms: int | None) -> None:
        self.cursor: str | None = None
        self.begins_with = 1
        """The first event that is kept, when earlier ones were asked for."""
        self._client = client
        self._session_id = session_id
        self._types = types
        self._since_ms = since_ms

    def events(self, after: int = 0) -> Iterator[Event]:
        """Every event that is wanted, page by page."""
        while True:
            # The types are chosen here and not by the coordinator, so that the cursor is past what was left out.
            page = self._client.send(calls.events.list_(self._session_id, after=after, limit=PAGE))
            if after < page.first_seq - 1:
                self.begins_with = page.first_seq
            for event in page.items:
                after, self.cursor = event.seq, event.cursor
                if self._is_wanted(event):
                    yield event
            if page.next_page is None or not page.items:
                return

    def last(self, count: int) -> Iterator[Event]:
        """The last so many of them."""
        if self._types or self._since_ms is not None:
            return iter(deque(self.events(), maxlen=count))
        length = self._client.send(calls.sessions.get(self._session_id)).last_seq
        # One more than asked for, so that the cursor is known even when none is.
        return iter(deque(self.events(max(0, length - count - 1)), maxlen=count))

    def _is_wanted(self, event: Event) -> bool:
        if self._since_ms is not None and to_ms(event.at) < self._since_ms:
            return False
        return not self._types or event.type in self._types


class _Printer:
    """Prints events, and on a terminal messages while they are being written."""

    def __init__(self, output: Output, *, live: bool) -> None:
        self._output = output
        self._live = live and output.on_terminal and not output.json_wanted
        self._open: tuple[str, str] | None = None
        """The message that is being written: its key, and what of it is on the screen."""

    def event(self, event: Event) -> None:
        """One event; a message that was already seen growing is not printed again."""
        if self._output.json_wanted:
            self._output.value(event, lines=True)
            return
        if self._output.quiet:
            self._output.line(str(event.seq))
            return
        if self._closes(event):
            return
        parts = event_parts(event, whole=not self._output.on_terminal or event.type == "message")
        self._output.line(span(f"{clock_time(event.source_at or event.at)} {event.seq:>4} ", "dim"), *parts)

    def delta(self, delta: Delta) -> None:
        """A piece of a message; pieces that do not join on are left to the whole message."""
        if not self._live:
            return
        if self._open is None and delta.offset == 0:
            self._open = (delta.message_key, "")
        if self._open is None or self._open[0] != delta.message_key or len(self._open[1]) != delta.offset:
            return
        self._open = (delta.message_key, self._open[1] + delta.text)
        self._output.piece(delta.text)

    def _closes(self, event: Event) -> bool:
        if self._open is None:
            return False
        payload = payload_of(event)
        key, seen = self._open
        self._open = None
        self._output.line()
        return event.type == "message" and payload.get("message_key") == key and text_of(payload) == seen


def _follow(
    context: Context, session_id: str, types: tuple[str, ...], cursor: str | None, printer: _Printer, *, keep: bool
) -> None:
    if not keep and _has_ended(context.client, session_id, cursor):
        return
    with closing(follow_stream(context.client, StreamFilter(session_id=session_id), after=cursor)) as frames:
        for frame in frames:
            if isinstance(frame, Event):
                if not types or frame.type in types:
                    printer.event(frame)
                if frame.type in _ENDING and not keep and _has_ended(context.client, session_id, frame.cursor):
                    context.output.note(span("The session has ended; --keep stays for its next run.", "dim"))
                    return
            elif isinstance(frame, Delta):
                printer.delta(frame)
            elif isinstance(frame, Gap):
                context.output.warn(f"Events are missing here; they are not kept any more: {_range(frame.data)}")


def _has_ended(client: Client, session_id: str, cursor: str | None) -> bool:
    """Whether nothing runs or waits, and nothing was logged after the cursor."""
    session = client.send(calls.sessions.get(session_id), retry=PATIENT)
    if session.queued_runs or session.status not in ("finished", "failed", "stopped"):
        return False
    newest = client.send(
        calls.events.list_(session_id, after=max(0, session.last_seq - 1), limit=1), retry=PATIENT
    ).items
    return not newest or newest[-1].cursor == cursor


def _range(data: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in data.items())


def _moment_ms(text: str) -> int:
    try:
        return to_ms(text)
    except ValueError:
        return clock.wall_ms() - round(seconds_of(text) * 1000)
