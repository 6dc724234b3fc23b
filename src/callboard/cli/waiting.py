"""Waits for the end of a run, with its progress on stderr; a wait that ends early stops nothing."""

import threading
from contextlib import closing, suppress

from callboard.cli.context import Context
from callboard.cli.event_lines import event_parts
from callboard.cli.exit_codes import FAILED, OK, WaitedTooLong, WaitsForInput, of_run
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


def wait_and_show(context: Context, run_id: str, timeout_seconds: float | None = None, *, alone: bool = False) -> int:
    """Wait for a run, print its result and return its exit code.

    An iteration of a task has those that follow it behind it, unless it is waited for `alone`: then the last one is
    shown, and what became of the task is the exit code.
    """
    deadline = None if timeout_seconds is None else clock.monotonic_seconds() + timeout_seconds
    run = wait_for_end(context, run_id, timeout_seconds)
    while not alone and (following := _following(context.client, run)) is not None:
        left = None if deadline is None else max(0.0, deadline - clock.monotonic_seconds())
        run = wait_for_end(context, following, left)
    show_end(context, run)
    return of_run(run) if alone or of_run(run) != OK or run.task_id is None else _of_task(context, run, run.task_id)


def _following(client: Client, run: Run) -> str | None:
    """The run that the end of an iteration has brought."""
    latest = client.send(calls.sessions.get(run.session_id)).latest_run_id if run.task_id else None
    return None if latest == run.run_id else latest


def _of_task(context: Context, run: Run, task_id: str) -> int:
    """The exit code of a task after its last iteration, in a milestone of all its tasks; what is to be done is said."""
    session = context.client.send(calls.sessions.get(run.session_id))
    tasks = [context.client.send(calls.tasks.get_task(task_id))]
    if tasks[0].milestone_id is not None and tasks[0].milestone_id == session.milestone_id:
        tasks = context.client.send(calls.tasks.get_milestone(tasks[0].milestone_id)).tasks
    failed = [task for task in tasks if task.outcome != "passed"]
    for task in failed:
        why = session.work.stuck_reason if session.work else None
        context.output.warn(span(f"#{task.number} {task.outcome or task.status}", "red"), f": {why}" if why else "")
    if failed and session.work is not None and session.work.next_step:
        context.output.note(span(f"next: {session.work.next_step}", "dim"))
    return FAILED if failed else OK


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
        output.note(span(f"next: {_again(context.client, run)}", "dim"))
        output.note(span(f"more: callboard logs {run.session_id}", "dim"))


def _again(client: Client, run: Run) -> str:
    """What to do, as `why` says it: a retry alone may only miss the same thing again."""
    return client.send(calls.runs.why(run.run_id)).next_step or f"callboard retry {run.run_id}"


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
