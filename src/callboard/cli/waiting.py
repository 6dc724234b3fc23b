"""Waits for the end of a run, with its progress on stderr; a wait that ends early stops nothing."""

import threading
from contextlib import closing, suppress

from callboard.cli.context import Context
from callboard.cli.event_lines import event_parts
from callboard.cli.exit_codes import OK, WaitedTooLong, WaitsForInput, of_run
from callboard.cli.output import span
from callboard.cli.text import duration
from callboard.client import calls, clock
from callboard.client.errors import Unreachable
from callboard.client.stream import StreamFilter, follow
from callboard.client.transport import Client
from callboard.domain.errors import CallboardError
from callboard.domain.run import ENDED
from callboard.wire.responses import Event, Run

SLICE_SECONDS = 5.0
"""How often a wait looks whether the session needs a person."""
SHOWN_AGAIN = 200
"""How many events of the past the progress begins with at most."""
PATIENCE_SECONDS = 120.0
"""How long the coordinator may be away while a run is waited for."""


def wait_and_show(context: Context, run_id: str, timeout_seconds: float | None = None) -> int:
    """Wait for a run, print its result and return its exit code."""
    run = wait_for_end(context, run_id, timeout_seconds)
    show_end(context, run)
    return of_run(run)


def wait_for_end(context: Context, run_id: str, timeout_seconds: float | None = None) -> Run:
    """The run after its end.

    Raises WaitedTooLong and WaitsForInput, Unreachable when the coordinator is away for longer than
    PATIENCE_SECONDS, KeyboardInterrupt when the person goes away; the run goes on in each case.
    """
    deadline = None if timeout_seconds is None else clock.monotonic_seconds() + timeout_seconds
    run = context.client.send(calls.runs.get(run_id))
    told = False
    with _Progress(context, run.session_id, run_id):
        while True:
            left = SLICE_SECONDS if deadline is None else deadline - clock.monotonic_seconds()
            run = _ask_patiently(context, run, max(0.0, min(SLICE_SECONDS, left)), deadline)
            if run.status in ENDED:
                return run
            if left <= SLICE_SECONDS and deadline is not None:
                raise WaitedTooLong(run)
            _check_input(context.client, run)
            if run.status == "pending" and not told:
                told = True
                _tell_why(context, run_id)


def show_end(context: Context, run: Run) -> None:
    """The result on stdout; how it ended on stderr."""
    output = context.output
    if output.json_wanted:
        output.value(run)
    elif output.quiet:
        output.line(run.session_id)
    elif run.result_data is not None:
        output.value(run.result_data)
    elif run.result_text:
        output.line(run.result_text)
    if of_run(run) != OK:
        output.note(span(f"{run.run_id} {run.reason}", "red"), f": {_why(run)}")
        output.note(span(f"next: callboard logs {run.session_id}  or  {_again(run)}", "dim"))


def _again(run: Run) -> str:
    """The command that goes on: where the conversation is lost, or the budget, a retry would only miss it again."""
    if run.reason == "executor_session_missing":
        return f"callboard resume {run.session_id} PROMPT --from-log"
    if run.reason == "budget_exceeded":
        return f"callboard budget {run.session_id}"
    return f"callboard retry {run.run_id}"


def _why(run: Run) -> str:
    return run.error.message if run.error else run.reason_text or ""


def _ask_patiently(context: Context, run: Run, seconds: float, deadline: float | None) -> Run:
    """The run as it is after `seconds` at most; WaitedTooLong when the coordinator is away until the deadline."""
    away_since: float | None = None
    while True:
        try:
            return context.client.send(calls.runs.wait(run.run_id, seconds))
        except Unreachable as error:
            now = clock.monotonic_seconds()
            if deadline is not None and now >= deadline:
                raise WaitedTooLong(run) from error
            if away_since is None:
                away_since = now
                context.output.note(span(f"{error.detail} The run goes on; asking again.", "yellow"))
            if now - away_since > PATIENCE_SECONDS:
                raise
            clock.pause(1.0 if deadline is None else min(1.0, max(0.0, deadline - now)))


def _tell_why(context: Context, run_id: str) -> None:
    """Somebody who waits for what does not begin wants to know the reason, and may not know how to ask."""
    with suppress(Unreachable):
        answer = context.client.send(calls.runs.why(run_id))
        if answer.status == "pending":
            context.output.note(span(f"It waits. {answer.sentence}", "yellow"))
            context.output.note(span(f"more: callboard why {run_id}", "dim"))


def _check_input(client: Client, run: Run) -> None:
    with suppress(Unreachable):
        session = client.send(calls.sessions.get(run.session_id))
        if session.waiting_for:
            raise WaitsForInput(run.session_id, session.waiting_for)


class _Progress:
    """Prints the run's events on stderr from a thread of its own; it is decoration and never decides anything."""

    def __init__(self, context: Context, session_id: str, run_id: str) -> None:
        self._context = context
        self._session_id = session_id
        self._run_id = run_id
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> None:
        if not self._context.output.quiet and not self._context.output.json_wanted:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._over.wait(0.3)
        self._over.set()

    def _show(self) -> None:
        access, started = self._context.access, clock.monotonic_seconds()
        filters = StreamFilter(session_id=self._session_id)
        with (
            suppress(CallboardError),
            Client(access.url, access.token) as client,
            closing(follow(client, filters, after=self._beginning(client))) as frames,
        ):
            for frame in frames:
                if self._over.is_set():
                    return
                if isinstance(frame, Event) and frame.run_id == self._run_id:
                    age = span(f"+{duration(clock.monotonic_seconds() - started):<6} ", "dim")
                    self._context.output.note(age, *event_parts(frame, whole=False))
                    if frame.type == "run_completed":
                        self._over.set()

    def _beginning(self, client: Client) -> str | None:
        length = client.send(calls.sessions.get(self._session_id)).last_seq
        before = client.send(calls.events.list_(self._session_id, after=max(0, length - SHOWN_AGAIN), limit=1)).items
        return before[0].cursor if before else None
