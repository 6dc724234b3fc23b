"""`run`, `resume` and `retry`: everything that makes a run."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Group, Parameter

from callboard.cli import candidates
from callboard.cli.context import STDIN, Context
from callboard.cli.lifecycle_views import show_change
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import span
from callboard.cli.references import run_id_of, session_id_of, session_of
from callboard.cli.settings import whole_path
from callboard.cli.text import microdollars, seconds_of, short_id
from callboard.cli.waiting import wait_and_show
from callboard.client import calls
from callboard.client.transport import is_loopback
from callboard.domain.errors import InvalidRequest
from callboard.domain.run import ExecutionMode, OnBusy, OnLost
from callboard.domain.session import Context as SessionContext
from callboard.wire.requests import AdditionalDemands, CreateRun, Limits, PermissionMode
from callboard.wire.responses import RunCreated, Session
from callboard.wire.work import ChangeLifecycle

WHAT: Final = Group("What runs", sort_key=10)
PLACE: Final = Group("Where it may run", sort_key=20)
BOUNDS: Final = Group("Bounds", sort_key=30)
WAITING: Final = Group("Waiting", sort_key=40)
PARENT_VARIABLE: Final = "AGENT_SESSION_ID"
"""Every agent finds its own session in it."""


@Parameter(name="*", group=WHAT)
@dataclass(frozen=True, kw_only=True)
class What:
    """What runs."""

    agent: Annotated[str | None, Parameter(help="Agent by name.", completer=candidates.agents)] = None
    executor: Annotated[str | None, Parameter(help="Executor by name.", completer=candidates.executors)] = None
    context: Annotated[
        SessionContext | None, Parameter(help="persistent: the conversation goes on; fresh: each run begins anew.")
    ] = None
    mode: Annotated[ExecutionMode | None, Parameter(help="How a parent session gets the result.")] = None
    parent: Annotated[
        str | None, Parameter(help="Session that this one is a child of.", completer=candidates.sessions)
    ] = None
    title: Annotated[str | None, Parameter(help="Title; default: the first line of the prompt.")] = None
    label: Annotated[list[str] | None, Parameter(help="Label, as NAME=VALUE; may be repeated.")] = None
    model: Annotated[str | None, Parameter(help="Model, where the executor takes one.")] = None
    permission_mode: Annotated[PermissionMode | None, Parameter(help="What the agent may do without asking.")] = None
    parameters: Annotated[str | None, Parameter(help="Parameters of the agent as JSON, instead of a prompt.")] = None


@Parameter(name="*", group=WHAT)
@dataclass(frozen=True, kw_only=True)
class First(What):
    """What a new session runs."""

    no_agent: Annotated[bool, Parameter(help="Without the agent that a setting names.")] = False
    portable: Annotated[
        bool | None, Parameter(help="Keep the conversation with the coordinator too: another host may go on with it.")
    ] = None


@Parameter(name="*", group=WHAT)
@dataclass(frozen=True, kw_only=True)
class Next(What):
    """What runs next in a session."""

    from_log: Annotated[
        bool, Parameter(help="Go on in a new conversation, on any host, told what is stored: the agent's own is lost.")
    ] = False


@Parameter(name="*", group=PLACE)
@dataclass(frozen=True, kw_only=True)
class Place:
    """Where it may run."""

    project_dir: Annotated[
        Path | None, Parameter(help="Directory to work in; default: this one, with a local coordinator.")
    ] = None
    project: Annotated[str | None, Parameter(help="Project by name.")] = None
    host: Annotated[str | None, Parameter(help="Only on this machine.")] = None
    tag: Annotated[list[str] | None, Parameter(help="Only on runners with this tag; may be repeated.")] = None


@Parameter(name="*", group=BOUNDS)
@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Limits, and what follows when something goes wrong."""

    timeout: Annotated[str | None, Parameter(help="Longest time of the run, such as 90s, 20m, 2h.")] = None
    queue_timeout: Annotated[str | None, Parameter(help="Longest time in the queue.")] = None
    max_turns: Annotated[int | None, Parameter(help="Most turns of the agent.")] = None
    budget: Annotated[float | None, Parameter(help="Most dollars, for a new session and all below it.")] = None
    budget_tokens: Annotated[int | None, Parameter(help="Most tokens, for a new session and all below it.")] = None
    priority: Annotated[int, Parameter(help="One step is worth a minute of waiting.")] = 0
    on_busy: Annotated[
        OnBusy | None, Parameter(help="When the session has a live run: enqueue, reject, interrupt.")
    ] = None
    on_lost: Annotated[OnLost | None, Parameter(help="When contact with the runner is lost: wait, retry, fail.")] = None
    repeatable: Annotated[bool, Parameter(help="It may be run again when contact is lost (--on-lost retry).")] = False


@Parameter(name="*", group=WAITING)
@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Whether to stay until the end."""

    wait: Annotated[bool, Parameter(help="Wait for the end; the exit code tells how it was. Ctrl-C only detaches.")] = (
        False
    )
    wait_timeout: Annotated[str | None, Parameter(help="Longest time to wait; the run goes on after it.")] = None


_FIRST, _NEXT, _PLACE, _BOUNDS, NOT_WAITING = First(), Next(), Place(), Bounds(), Waiting()
Prompt = Annotated[str | None, Parameter(help="What the agent is asked; `-` reads it from stdin.")]
SessionReference = Annotated[
    str, Parameter(help="Session: its id, the end of it, or an issue's number.", completer=candidates.sessions)
]
RunReference = Annotated[
    str, Parameter(help="Run by its id, or a session, meaning its latest run.", completer=candidates.sessions)
]


def run(
    prompt: Prompt = None,
    /,
    *,
    what: First = _FIRST,
    place: Place = _PLACE,
    bounds: Bounds = _BOUNDS,
    waiting: Waiting = NOT_WAITING,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Start a session: its id is known at once, before anything runs."""
    context = Context(show, where)
    body = _body(context, prompt, what, place, bounds)
    body.project_dir = _directory(place.project_dir, context.access.url)
    body.agent_name = _agent(context, what)
    usual = None if body.agent_name else context.settings["executor"]  # an agent may say another
    body.executor_type = what.executor or usual
    body.context = what.context or context.settings["context"]
    body.portable = what.portable
    return _create(context, body, waiting)


def resume(
    reference: SessionReference,
    prompt: Prompt = None,
    /,
    *,
    what: Next = _NEXT,
    place: Place = _PLACE,
    bounds: Bounds = _BOUNDS,
    waiting: Waiting = NOT_WAITING,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Go on with a session: the next turn, under the same id; it waits while the session is busy.

    Paused work on issues needs no prompt; what is said to work is guidance for its worker.
    """
    context = Context(show, where)
    if prompt is None and what.parameters is None:
        session = session_of(context.client, reference, place.project or context.settings["project"])
        if session.lifecycle == "paused":
            return _lift_pause(context, session, waiting)
        if session.lifecycle == "stuck" and session.work is not None and session.work.next_step:
            raise InvalidRequest("The work is stuck; a resume needs a prompt.", hint=session.work.next_step)
    body = _body(context, prompt, what, place, bounds)
    body.type = "resume_session"
    body.from_log = what.from_log
    body.session_id = session_id_of(context.client, reference, place.project or context.settings["project"])
    body.project_dir = None if place.project_dir is None else str(whole_path(place.project_dir))
    return _create(context, body, waiting)


def _agent(context: Context, what: First) -> str | None:
    """The agent that is named, else that of the settings, which is said: nobody has named it here."""
    if what.agent and what.no_agent:
        raise InvalidRequest("--agent and --no-agent exclude each other.", hint="Leave one of them out.")
    usual = context.settings.found["agent"]
    if what.agent or what.no_agent or not usual.value:
        return what.agent
    tell = context.output.note if what.executor is None else context.output.warn  # it may say another executor
    tell(span(f"agent {usual.value}, as {usual.origin} says; without it: --no-agent", "dim"))
    return str(usual.value)


def _lift_pause(context: Context, session: Session, waiting: Waiting) -> int:
    body = ChangeLifecycle(action="resume")
    return wait_for_work(context, context.client.send(calls.lifecycle.change(session.session_id, body)), waiting)


def wait_for_work(context: Context, session: Session, waiting: Waiting) -> int:
    """Shows work that was let go on, or waits for the end of its run."""
    if not waiting.wait or session.latest_run_id is None:
        return show_change(context.output, session)
    run = context.client.send(calls.runs.get(session.latest_run_id))
    created = RunCreated(run_id=run.run_id, session_id=run.session_id, status=run.status)
    return _wait(context, created, waiting)


def retry(
    reference: RunReference, /, *, waiting: Waiting = NOT_WAITING, where: Where = NO_WHERE, show: Show = NO_SHOW
) -> int:
    """Try an ended run again: a new run of the same session with the same words."""
    context = Context(show, where)
    run_id = run_id_of(context.client, reference, context.settings["project"])
    return _report(context, context.client.send(calls.runs.retry(run_id)), waiting)


def _body(context: Context, prompt: str | None, what: What, place: Place, bounds: Bounds) -> CreateRun:
    return CreateRun(
        type="start_session",
        prompt=_prompt(prompt, what.parameters),
        parameters=_parameters(what.parameters),
        executor_type=what.executor,
        agent_name=what.agent,
        context=what.context,
        execution_mode=what.mode or "sync",
        parent_session_id=_parent(context, what.parent),
        title=what.title,
        labels=_labels(what.label),
        model=what.model,
        permission_mode=what.permission_mode,
        project=place.project or context.settings["project"],
        additional_demands=_demands(place, context.settings["tags"]),
        limits=_limits(bounds),
        priority=bounds.priority,
        on_busy=bounds.on_busy or "enqueue",
        on_lost=bounds.on_lost or "wait",
        repeatable=bounds.repeatable,
    )


def _create(context: Context, body: CreateRun, waiting: Waiting) -> int:
    return _report(context, context.client.send(calls.runs.create(body)), waiting)


def _report(context: Context, created: RunCreated, waiting: Waiting) -> int:
    if waiting.wait:
        return _wait(context, created, waiting)
    output = context.output
    if output.json_wanted:
        output.value(created)
    elif output.quiet:
        output.line(created.session_id)
    else:
        output.line(f"{created.session_id}  {created.run_id}  {created.status}")
        _tell_next(context, created)
    return 0


def _wait(context: Context, created: RunCreated, waiting: Waiting) -> int:
    context.output.note(span(f"{created.session_id}  {created.run_id}  {created.status}", "dim"))
    limit = None if waiting.wait_timeout is None else seconds_of(waiting.wait_timeout)
    try:
        return wait_and_show(context, created.run_id, limit)
    except KeyboardInterrupt:
        # The person must learn how to come back even when they wanted no progress.
        context.output.warn(f"\nDetached; {created.run_id} goes on. Come back: callboard wait {created.run_id}")
        raise


def _tell_next(context: Context, created: RunCreated) -> None:
    short = short_id(created.session_id)
    context.output.note(span(f"follow: callboard logs -f {short}   result: callboard wait {short}", "dim"))


def _prompt(prompt: str | None, parameters: str | None) -> str | None:
    if prompt == STDIN:
        return sys.stdin.read()
    if prompt is None and parameters is None:
        raise InvalidRequest("There is no prompt.", hint="Give it in quotes, or - to read it from stdin.")
    return prompt


def _parent(context: Context, named: str | None) -> str | None:
    """The session that is named, else the one that this command runs inside of."""
    if named is not None:
        return session_id_of(context.client, named)
    return os.environ.get(PARENT_VARIABLE) or None


def _parameters(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as problem:
        raise InvalidRequest(f"--parameters is no JSON object: {problem}.") from problem


def _labels(pairs: list[str] | None) -> dict[str, str] | None:
    if not pairs:
        return None
    labels = dict(pair.partition("=")[::2] for pair in pairs)
    if "" in labels or any("=" not in pair for pair in pairs):
        raise InvalidRequest("A label is NAME=VALUE.", hint="For example --label team=web.")
    return labels


def _demands(place: Place, default_tags: list[str]) -> AdditionalDemands | None:
    tags = [*(default_tags if place.tag is None else place.tag)]
    return AdditionalDemands(hostname=place.host, tags=tags) if place.host or tags else None


def _limits(bounds: Bounds) -> Limits | None:
    limits = Limits(
        timeout_seconds=None if bounds.timeout is None else seconds_of(bounds.timeout),
        queue_timeout_seconds=None if bounds.queue_timeout is None else seconds_of(bounds.queue_timeout),
        max_turns=bounds.max_turns,
        budget_microdollars=None if bounds.budget is None else microdollars(bounds.budget),
        budget_tokens=bounds.budget_tokens,
    )
    return None if limits == Limits() else limits


def budget_limits(budget: float | None, budget_tokens: int | None) -> Limits | None:
    """A budget in dollars, in tokens, or both, as limits; None without any."""
    limits = Limits(budget_microdollars=None if budget is None else microdollars(budget), budget_tokens=budget_tokens)
    return None if limits == Limits() else limits


def _directory(given: Path | None, url: str) -> str | None:
    if given is not None:
        return str(whole_path(given))
    return str(whole_path()) if is_loopback(url) else None
