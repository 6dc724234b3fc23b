"""`wait`, `stop` and `why`: what to do about a run that is there."""

from typing import Annotated

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import span
from callboard.cli.references import run_id_of, session_id_of
from callboard.cli.run import RunReference
from callboard.cli.shown import seconds_until, state
from callboard.cli.text import duration, seconds_of
from callboard.cli.waiting import wait_and_show, wait_for_end
from callboard.client import calls
from callboard.domain.ids import RUN, is_id
from callboard.wire.responses import Stopped, Why


def wait(
    reference: RunReference,
    /,
    *,
    timeout: Annotated[str | None, Parameter(help="Longest time to wait, such as 90s or 20m.")] = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Wait for the end of a run and print its result; the exit code tells how it ended.

    Of a session that works on a task: of all its iterations, and the exit code is 0 when its checks have passed.
    """
    context = Context(show, where)
    run_id = run_id_of(context.client, reference, context.settings["project"])
    limit = None if timeout is None else seconds_of(timeout)
    return wait_and_show(context, run_id, limit, alone=is_id(RUN, reference))


def stop(
    reference: RunReference,
    /,
    *,
    subtree: Annotated[bool, Parameter(help="Everything below the session as well, leaves first.")] = False,
    wait: Annotated[bool, Parameter(help="Wait until no process is left.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Stop a session (its live run, and what waits), or with a run's id only that run.

    The agent is interrupted in the middle of its turn; what it has written stays, and the session can be resumed.
    """
    context = Context(show, where)
    client = context.client
    if is_id(RUN, reference) and not subtree:
        stopped = client.send(calls.runs.stop(reference))
    else:
        session_id = session_id_of(client, reference, context.settings["project"])
        stopped = client.send(calls.sessions.stop(session_id, subtree=subtree))
    if wait:
        for run_id in stopped.stopping:
            wait_for_end(context, run_id)
    _show_stopped(context, stopped)
    return 0


def why(reference: RunReference, /, *, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """Why a run waits, or why it ended: a sentence, and for each runner what is missing."""
    context = Context(show, where)
    run_id = run_id_of(context.client, reference, context.settings["project"])
    answer = context.client.send(calls.runs.why(run_id))
    if context.output.json_wanted:
        context.output.value(answer)
    elif context.output.quiet:
        context.output.line(answer.run_id)
    else:
        _show_why(context, answer)
    return 0


def _show_stopped(context: Context, stopped: Stopped) -> None:
    output = context.output
    if output.json_wanted:
        output.value(stopped)
        return
    for run_id in stopped.stopping:
        output.line(run_id if output.quiet else f"{run_id}  stopping")
    for run_id in stopped.cancelled:
        output.line(run_id if output.quiet else f"{run_id}  cancelled")
    if not stopped.stopping and not stopped.cancelled:
        output.note(f"Nothing was running or waiting; it is {stopped.status}.")


def _show_why(context: Context, answer: Why) -> None:
    output = context.output
    output.line(answer.run_id, "  ", state(answer.status))
    output.line(answer.sentence)
    if answer.next_step:
        output.line(span("next: ", "bold"), answer.next_step)
    for sentence in _times(answer):
        output.line(span(sentence, "dim"))
    for runner in answer.runners:
        name = f" ({runner.name})" if runner.name else ""
        output.line()
        output.line(state(runner.state), f"  {runner.runner_id}{name} on {runner.hostname}")
        if runner.fits:
            output.line(span("    fits", "green"))
        for reason in runner.reasons:
            output.line(span("    ✗ ", "red"), reason.sentence, span(f"  [{reason.code}]", "dim"))


def _times(answer: Why) -> list[str]:
    deadlines = {
        "no_matching_runner": answer.no_match_deadline_at,
        "queue_timeout": answer.queue_deadline_at,
        "interrupted": answer.lost_deadline_at,
    }
    sentences = [f"place in the queue: {answer.place_in_queue}"] if answer.place_in_queue is not None else []
    if answer.waits_for_run_id:
        sentences.append(f"waits for {answer.waits_for_run_id}")
    return sentences + [
        f"fails with {reason} in {duration(seconds_until(moment))}" for reason, moment in deadlines.items() if moment
    ]
