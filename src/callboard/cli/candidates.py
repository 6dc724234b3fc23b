"""What a shell offers at the tabulator key, asked of the coordinator; nothing when it does not answer at once."""

from typing import TYPE_CHECKING

from callboard.cli.context import Context
from callboard.cli.options import Show
from callboard.cli.text import one_line, short_id
from callboard.client import calls
from callboard.client.retry import NO_RETRIES
from callboard.domain.errors import CallboardError

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext

Candidates = list[tuple[str, str]]
MOST = 50


def sessions(context: "CompletionContext") -> Candidates:
    """The latest sessions: the whole id where one is being typed, else its end, with state and title."""
    try:
        items = Context(Show()).client.send(calls.sessions.list_(limit=MOST), retry=NO_RETRIES).items
    except CallboardError:
        return []
    whole = context.incomplete.startswith("ses")
    return [
        (one.session_id if whole else short_id(one.session_id), f"{one.status} {one_line(one.title or '')}")
        for one in items
    ]


def runners(_: "CompletionContext") -> Candidates:
    """All runners."""
    try:
        items = Context(Show()).client.send(calls.runners.list_(limit=MOST), retry=NO_RETRIES).items
    except CallboardError:
        return []
    return [(one.runner_id, f"{one.state} {one_line(one.name)} {one.hostname}") for one in items]


def agents(_: "CompletionContext") -> Candidates:
    """All agents."""
    try:
        items = Context(Show()).client.send(calls.agents.list_(limit=MOST), retry=NO_RETRIES).items
    except CallboardError:
        return []
    return sorted({(one.name, one_line(one.description)) for one in items})


def executors(_: "CompletionContext") -> Candidates:
    """What the runners offer."""
    try:
        items = Context(Show()).client.send(calls.runners.list_(limit=MOST), retry=NO_RETRIES).items
    except CallboardError:
        return []
    return sorted({(name, "") for one in items for name in one.executor_types})
