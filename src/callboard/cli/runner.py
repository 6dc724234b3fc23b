"""The daemon `runner`, and the noun `runner` for people who look after runners."""

from typing import Annotated, Final

from cyclopts import Parameter

from callboard.cli import candidates
from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import Part, span
from callboard.cli.references import runner_of
from callboard.cli.runner_machine import machine_lines
from callboard.cli.shown import ago, state
from callboard.client import calls
from callboard.wire.responses import Runner

RunnerReference = Annotated[
    str, Parameter(help="Runner: its id, the end of it, or its name.", completer=candidates.runners)
]
_COLUMNS: Final = ("RUNNER", "NAME", "STATE", "HOST", "RUNS", "EXECUTORS", "TAGS", "DIRECTORY", "HEARD", "VERSION")
_DIRECTORY: Final = 7


def list_runners(*, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """All runners: state, what they offer, how full they are."""
    context = Context(show, where)
    page = context.client.send(calls.runners.list_(limit=200))
    output = context.output
    if output.json_wanted:
        output.value(page)
    elif output.quiet:
        for one in page.items:
            output.line(one.runner_id)
    elif page.items:
        output.table(_COLUMNS, [_row(one) for one in page.items], flexible=_DIRECTORY)
    else:
        output.note("No runner has registered. Start one:  callboard runner")
    return 0


def show_runner(reference: RunnerReference, /, *, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """All about one runner."""
    context = Context(show, where)
    return _show(context, runner_of(context.client, reference))


def drain(reference: RunnerReference, /, *, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """Let a runner take no new runs. Its agents finish; nothing is stopped."""
    context = Context(show, where)
    return _show(context, context.client.send(calls.runners.drain(runner_of(context.client, reference).runner_id)))


def resume(reference: RunnerReference, /, *, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """Let a drained runner take runs again."""
    context = Context(show, where)
    return _show(context, context.client.send(calls.runners.resume(runner_of(context.client, reference).runner_id)))


def remove(
    reference: RunnerReference,
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Do not ask.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Forget a runner and its credential. A process of it that still lives is turned away; it may join anew."""
    context = Context(show, where)
    runner = runner_of(context.client, reference)
    context.confirm(f"Forget {runner.runner_id} ({runner.name or runner.hostname}) and its credential?", yes=yes)
    context.client.send(calls.runners.remove(runner.runner_id))
    if context.output.json_wanted:
        context.output.value(runner)
    else:
        context.output.line(runner.runner_id if context.output.quiet else f"{runner.runner_id}  removed")
    return 0


def _row(runner: Runner) -> list[Part]:
    return [
        span(runner.runner_id, "bold"),
        runner.name,
        state(runner.state),
        runner.hostname,
        f"{runner.live_runs}/{runner.slots}",
        ",".join(runner.executor_types),
        ",".join(runner.tags),
        runner.project_dir,
        ago(runner.last_heard_at),
        runner.version,
    ]


def _show(context: Context, runner: Runner) -> int:
    output = context.output
    if output.json_wanted:
        output.value(runner)
        return 0
    if output.quiet:
        output.line(runner.runner_id)
        return 0
    output.line(span(runner.runner_id, "bold"), "  ", state(runner.state), f"  {runner.name}")
    facts = {
        "host": runner.hostname,
        "directory": runner.project_dir,
        "roots": ", ".join(runner.roots),
        "executors": ", ".join(runner.executor_types),
        "tags": ", ".join(runner.tags) + (" (only runs that share one)" if runner.require_matching_tags else ""),
        "runs": f"{runner.live_runs} of {runner.slots} slots",
        "heard": f"{ago(runner.last_heard_at)} ago",
        "clock": f"{runner.clock_skew_ms} ms ahead" if abs(runner.clock_skew_ms) > 1000 else "",
        "version": runner.version,
        "epoch": str(runner.epoch),
    } | machine_lines(runner.facts)
    for name, value in facts.items():
        if value:
            output.line(span(f"  {name:<12}", "dim"), value)
    return 0
