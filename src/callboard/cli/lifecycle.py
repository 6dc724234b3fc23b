"""The verbs of work's lifecycle: what a worker reports, and how people halt it, guide it and let it go on."""

import os
import sys
from typing import Annotated

from cyclopts import Parameter

from callboard.cli import candidates
from callboard.cli.context import STDIN, Context
from callboard.cli.lifecycle_views import show_change
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import span
from callboard.cli.references import session_id_of
from callboard.cli.run import NOT_WAITING, PARENT_VARIABLE, SessionReference, Waiting, wait_for_work
from callboard.client import calls
from callboard.domain.errors import InvalidRequest
from callboard.domain.lifecycle import Report
from callboard.domain.worker_prompt import history_words_in
from callboard.wire.responses import Session
from callboard.wire.work import ChangeLifecycle

OwnReference = Annotated[
    str | None,
    Parameter(
        name="--id",
        help="Session: its id, the end of it, or an issue's number; default: the one that this runs in.",
        completer=candidates.sessions,
    ),
]
Reason = Annotated[str | None, Parameter(help="Why; it is kept with the change.")]


def update(
    reference: OwnReference = None,
    *,
    status: Annotated[Report, Parameter(help="Where the work stands.")],
    reason: Annotated[str | None, Parameter(help="With stuck: what a person has to decide.")] = None,
    pr: Annotated[str | None, Parameter(help="Address of the pull request.")] = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Report where the work stands; in a run it needs no reference. A report that does not fit is refused."""
    context = Context(show, where)
    body = ChangeLifecycle(report=status, reason=reason, pull_request_url=pr)
    return show_change(context.output, _send(context, _own(reference), body), to_worker=_is_worker())


def heartbeat(reference: OwnReference = None, *, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """Say that the work goes on; in a run it needs no reference."""
    context = Context(show, where)
    session = _send(context, _own(reference), ChangeLifecycle(action="heartbeat"))
    return show_change(context.output, session, to_worker=_is_worker())


def forward(
    reference: SessionReference,
    text: Annotated[str, Parameter(help="What the worker is to do, said as an instruction; `-` reads it from stdin.")],
    /,
    *,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Give the worker guidance: at once if it listens, and in the prompt of every later run until there is other."""
    context = Context(show, where)
    said = sys.stdin.read() if text == STDIN else text
    session = _send(context, reference, ChangeLifecycle(action="forward", text=said))
    if words := history_words_in(said):
        told = ", ".join(dict.fromkeys(words))
        context.output.note(span(f"A worker knows no past; {told} may mislead it. Say what is to be done now.", "dim"))
    return show_change(context.output, session)


def pause(
    reference: SessionReference, /, *, reason: Reason = None, where: Where = NO_WHERE, show: Show = NO_SHOW
) -> int:
    """Halt work: its run is ended, nothing follows until it is resumed; its issues stay its own."""
    context = Context(show, where)
    return show_change(context.output, _send(context, reference, ChangeLifecycle(action="pause", reason=reason)))


def restart(
    reference: SessionReference, /, *, waiting: Waiting = NOT_WAITING, where: Where = NO_WHERE, show: Show = NO_SHOW
) -> int:
    """Let stuck work go on: a new run in the same worktree, with the guidance that you gave."""
    context = Context(show, where)
    session = _send(context, reference, ChangeLifecycle(action="restart"))
    return wait_for_work(context, session, waiting)


def cancel(
    reference: SessionReference, /, *, reason: Reason = None, where: Where = NO_WHERE, show: Show = NO_SHOW
) -> int:
    """End work for good: its run is ended and its issues are free. The worktree and its branch stay."""
    context = Context(show, where)
    return show_change(context.output, _send(context, reference, ChangeLifecycle(action="cancel", reason=reason)))


def _is_worker() -> bool:
    return bool(os.environ.get(PARENT_VARIABLE))


def _own(reference: str | None) -> str:
    """The session that is named, else the one that this command runs inside of."""
    own = reference or os.environ.get(PARENT_VARIABLE)
    if not own:
        raise InvalidRequest("There is no reference.", hint="Name the session: its id, or the number of an issue.")
    return own


def _send(context: Context, reference: str, body: ChangeLifecycle) -> Session:
    session_id = session_id_of(context.client, reference, context.settings["project"])
    return context.client.send(calls.lifecycle.change(session_id, body))
