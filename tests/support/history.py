"""Reads all that is known of a session and says which of our promises it breaks. Knows nothing of how it came about.

The promises: one order without gaps; one owner at a time, by a fence that only rises; nothing of an attempt before its
permission or after its end; one end, which stands; nothing told or counted twice; what was cancelled never runs again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

import msgspec

from callboard.client.calls import sessions
from callboard.wire.responses import Binding, Event, Run, SessionUsage
from tests.support.coordinator import Coordinator, payload_of

BY_RUNNER: Final = frozenset({"message", "pre_tool", "post_tool", "result", "session_bound"})
TOKENS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens", "turns")
ENDED: Final = ("completed", "failed", "stopped")


class History(msgspec.Struct, kw_only=True):
    """A session as a person can read it."""

    events: list[Event]
    runs: list[Run]
    bindings: list[Binding]
    usage: SessionUsage


def history_of(coordinator: Coordinator, session_id: str) -> History:
    """Everything about a session, while nothing changes it."""
    runs = coordinator.client.send(sessions.runs(session_id, limit=200)).items
    return History(
        events=coordinator.events(session_id),
        runs=sorted(runs, key=lambda run: run.number),
        bindings=coordinator.bindings(session_id),
        usage=coordinator.client.send(sessions.usage(session_id)),
    )


def assert_promises_kept(coordinator: Coordinator, *session_ids: str) -> None:
    """AssertionError with every promise that the history of one of these sessions breaks."""
    broken = {one: found for one in session_ids if (found := problems(history_of(coordinator, one)))}
    assert broken == {}


def problems(history: History) -> list[str]:
    """What is wrong with a history, in sentences; nothing when all promises are kept."""
    return [
        *_order(history.events),
        *_ownership(history.events),
        *_ends(history),
        *_tools(history.events),
        *_repeats(history.events),
        *_bindings(history),
        *_usage(history),
    ]


def _order(events: list[Event]) -> Iterator[str]:
    numbers = [event.seq for event in events]
    if numbers != list(range(1, len(events) + 1)):
        yield f"the numbers have gaps or repeats: {_first_odd(numbers)}"
    cursors = [tuple(int(part) for part in event.cursor.split(".")) for event in events]
    if any(later <= earlier for earlier, later in pairwise(cursors)):
        yield "the cursors do not ascend with the numbers"


def _first_odd(numbers: list[int]) -> str:
    odd = next((at for at, number in enumerate(numbers, 1) if at != number), len(numbers))
    return f"place {odd} has {numbers[odd - 1 : odd + 2]}"


class _Owner:
    """Walks through the log and knows at each event who owns which run."""

    def __init__(self) -> None:
        self.attempts: dict[str, int] = defaultdict(int)
        self.runners: dict[str, str] = {}
        self.started: set[tuple[str, int]] = set()
        self.ended: set[str] = set()
        self.cancelled: set[str] = set()
        self.live: str | None = None

    def claim(self, run_id: str, payload: dict[str, Any]) -> Iterator[str]:
        attempt = payload["attempt"]
        if attempt != self.attempts[run_id] + 1:
            yield f"attempt {attempt} of {run_id} was claimed after attempt {self.attempts[run_id]}"
        if self.live not in (None, run_id):
            yield f"{run_id} was claimed while {self.live} was live"
        if run_id in self.cancelled:
            yield f"{run_id} was claimed after somebody cancelled it"
        self.attempts[run_id] = attempt
        self.runners[run_id] = payload["runner_id"]
        self.live = run_id

    def start(self, run_id: str, payload: dict[str, Any]) -> Iterator[str]:
        key = (run_id, payload["attempt"])
        if key in self.started:
            yield f"attempt {key} got its permission twice"
        if self.attempts[run_id] != payload["attempt"] or self.runners.get(run_id) != payload["runner_id"]:
            yield f"{payload['runner_id']} got the permission for attempt {key} without owning it"
        self.started.add(key)

    def end(self, run_id: str) -> Iterator[str]:
        if run_id in self.ended:
            yield f"{run_id} ended twice"
        self.ended.add(run_id)
        if self.live == run_id:
            self.live = None

    def report(self, event: Event) -> Iterator[str]:
        run_id, attempt = event.run_id or "", event.attempt or 0
        if self.attempts[run_id] != attempt:
            yield f"{event.seq} {event.type}: attempt {attempt} wrote while {self.attempts[run_id]} owned {run_id}"
        elif (run_id, attempt) not in self.started:
            yield f"{event.seq} {event.type}: written before the permission to launch"


def _ownership(events: list[Event]) -> Iterator[str]:
    owner = _Owner()
    for event in events:
        run_id = event.run_id or ""
        if run_id in owner.ended and event.type != "usage":
            yield f"{event.seq} {event.type}: {run_id} had ended before"
        match event.type:
            case "run_claimed":
                yield from owner.claim(run_id, payload_of(event))
            case "run_start":
                yield from owner.start(run_id, payload_of(event))
            case "stop_requested":
                owner.cancelled.add(run_id)
            case "run_completed":
                yield from owner.end(run_id)
            case _ if event.type in BY_RUNNER:
                yield from owner.report(event)


def _ends(history: History) -> Iterator[str]:
    """The log, and the runs as they are read, tell the same end."""
    told = {event.run_id: payload_of(event) for event in history.events if event.type == "run_completed"}
    for run in history.runs:
        end = told.get(run.run_id)
        if (end is None) == (run.status in ENDED):
            yield f"{run.run_id} is {run.status}, and its run_completed is {end}"
        elif end is not None and (end["reason"], end["exit_code"]) != (run.reason, run.exit_code):
            yield f"{run.run_id} ended {run.reason} ({run.exit_code}), and its run_completed says {end}"
    live = [run.run_id for run in history.runs if run.status in ("claimed", "running", "interrupted")]
    if len(live) > 1:
        yield f"{live} are live at once"


def _tools(events: list[Event]) -> Iterator[str]:
    """Every post_tool follows its pre_tool, once."""
    calls: dict[tuple[str | None, int | None, str], list[str]] = defaultdict(list)
    for event in events:
        if event.type in ("pre_tool", "post_tool"):
            calls[event.run_id, event.attempt, payload_of(event)["tool_use_id"]].append(event.type)
    for key, told in calls.items():
        if told not in (["pre_tool"], ["pre_tool", "post_tool"]):
            yield f"the call {key} was told as {told}"


def _repeats(events: list[Event]) -> Iterator[str]:
    keys = Counter(
        (event.run_id, event.attempt, payload["role"], payload["message_key"])
        for event in events
        if event.type == "message" and (payload := payload_of(event)).get("message_key")
    )
    yield from (f"the message {key} came {count} times" for key, count in keys.items() if count > 1)
    results = Counter((event.run_id, event.attempt) for event in events if event.type == "result")
    yield from (f"{key} has {count} results" for key, count in results.items() if count > 1)


def _bindings(history: History) -> Iterator[str]:
    generations = [binding.generation for binding in history.bindings]
    if generations != list(range(1, len(generations) + 1)):
        yield f"the generations of bindings are {generations}"
    if sum(binding.ended_at is None for binding in history.bindings) > 1:
        yield "more than one binding is open"


def _usage(history: History) -> Iterator[str]:
    """The total is the sum of the runs', and the sum of what was told as booked, each call once."""
    total = _tokens([msgspec.to_builtins(history.usage.self)])
    if total != _tokens(msgspec.to_builtins(run.usage) for run in history.runs):
        yield "the session's usage is not the sum of its runs'"
    rows: dict[tuple[str | None, int, str, str], dict[str, Any]] = {}
    for event in history.events:
        if event.type == "usage":
            told = payload_of(event)
            for row in told.get("rows", ()):
                key = (event.run_id, told["attempt"], row["model"], row["message_id"])
                if key in rows:
                    yield f"the call {key} was booked twice"
                rows[key] = row
    if total != _tokens(rows.values()):
        yield f"the session's usage is {total}, and what was told as booked {_tokens(rows.values())}"


def _tokens(figures: Iterable[dict[str, Any]]) -> dict[str, int]:
    found = list(figures)
    return {name: sum(one.get(name, 0) for one in found) for name in TOKENS}
