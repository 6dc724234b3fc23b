"""`ps`, `tree` and the noun `session`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter
from cyclopts.types import PositiveInt

from callboard.cli.context import STDIN, Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import span
from callboard.cli.references import session_id_of, session_of
from callboard.cli.run import SessionReference
from callboard.cli.session_views import branches, show_bindings, show_facts, show_groups, show_runs
from callboard.client import calls
from callboard.client.call import PageOf
from callboard.domain.errors import InvalidRequest
from callboard.domain.session import SessionStatus
from callboard.wire.requests import ImportLog
from callboard.wire.responses import Session

PAGE: Final = 200


def ps(
    *,
    every: Annotated[bool, Parameter(name=["--all", "-a"], help="Show all that have ended, too.")] = False,
    status: Annotated[SessionStatus | None, Parameter(help="Only those in this state.")] = None,
    agent: Annotated[str | None, Parameter(help="Only those of this agent.")] = None,
    search: Annotated[str | None, Parameter(help="Only those with these words in title or labels.")] = None,
    limit: Annotated[PositiveInt, Parameter(help="At most so many, the newest.")] = 100,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """The callboard: who needs you, what works, what waits, what is done."""
    context = Context(show, where)
    page = _sessions(context, limit, status=status, agent_name=agent, q=search)
    output = context.output
    if output.json_wanted:
        output.value(page)
    elif output.quiet:
        for session in page.items:
            output.line(session.session_id)
    else:
        show_groups(output, page.items, every=every or status is not None)
    if page.next_page is not None:
        output.note(span(f"There are more; these are the newest {limit} (--limit).", "dim"))
    return 0


def tree(reference: SessionReference, /, *, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """A session and all below it, with states and what each cost."""
    context = Context(show, where)
    session_id = session_id_of(context.client, reference, context.settings["project"])
    found = context.client.send(calls.sessions.tree(session_id))
    output = context.output
    if output.json_wanted:
        output.value(found)
    elif output.quiet:
        for node in found.nodes:
            output.line(node.session_id)
    else:
        for parts in branches(found, short=output.on_terminal):
            output.line(*parts)
    return 0


def show_session(reference: SessionReference, /, *, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """All about one session: state, lineage, bindings, runs, usage."""
    context = Context(show, where)
    session = session_of(context.client, reference, context.settings["project"])
    output = context.output
    if output.json_wanted:
        output.value(session)
    elif output.quiet:
        output.line(session.session_id)
    else:
        show_facts(output, session)
        show_bindings(output, context.client.send(calls.sessions.bindings(session.session_id)).items)
        show_runs(output, context.client.send(calls.sessions.runs(session.session_id)).items)
    return 0


def archive(reference: SessionReference, /, *, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """Put a session away: it is still read, and takes no runs until it is unarchived."""
    context = Context(show, where)
    session_id = session_id_of(context.client, reference, context.settings["project"])
    return _changed(context, context.client.send(calls.sessions.archive(session_id)), "archived")


def unarchive(reference: SessionReference, /, *, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """Take a session out of the archive."""
    context = Context(show, where)
    session_id = session_id_of(context.client, reference, context.settings["project"])
    return _changed(context, context.client.send(calls.sessions.unarchive(session_id)), "unarchived")


def delete(
    reference: SessionReference,
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Do not ask.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Delete a session for good: its runs, events, results and bindings. It must have no children and no live run."""
    context = Context(show, where)
    session = session_of(context.client, reference, context.settings["project"])
    context.confirm(
        f"{session.session_id} ({session.title or 'without a title'}): {session.run_count} runs and "
        f"{session.last_seq} events will be lost. Delete it?",
        yes=yes,
    )
    context.client.send(calls.sessions.delete(session.session_id))
    return _changed(context, session, "deleted")


def import_session(
    file: Annotated[Path, Parameter(help="JSON lines, each with event_type and perhaps timestamp; - is stdin.")],
    /,
    *,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Read an old log into a new, archived session; old event names become today's.

    At most 100,000 lines and 32 MiB (import_bytes of the coordinator), in one request; a longer log in parts.
    """
    context = Context(show, where)
    session = context.client.send(calls.sessions.import_log(ImportLog(lines=list(_log_lines(file)))))
    return _changed(context, session, "imported")


def _sessions(context: Context, limit: int, **wanted: Any) -> PageOf[Session]:
    """At most `limit` sessions as one page, gathered from as many pages of the API as that takes."""
    items: list[Session] = []
    mark: str | None = None
    while len(items) < limit:
        call = calls.sessions.list_(
            **wanted, project=context.settings["project"], page=mark, limit=min(PAGE, limit - len(items))
        )
        found = context.client.send(call)
        items += found.items
        mark = found.next_page
        if mark is None:
            break
    return PageOf(items=items, next_page=mark, limit=limit)


def _changed(context: Context, session: Session, word: str) -> int:
    if context.output.json_wanted:
        context.output.value(session)
    else:
        context.output.line(session.session_id if context.output.quiet else f"{session.session_id}  {word}")
    return 0


def _log_lines(file: Path) -> Iterator[dict[str, Any]]:
    try:
        text = sys.stdin.read() if str(file) == STDIN else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise InvalidRequest(f"{file} cannot be read: {problem}.") from problem
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError as problem:
            raise InvalidRequest(f"{file}, line {number}: not a JSON object: {problem}.") from problem
