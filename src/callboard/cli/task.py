"""The noun `task`: issues of the local tracker, and what is done about them."""

import sys
from typing import Annotated

from cyclopts import Parameter

from callboard.cli.context import STDIN, Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import span
from callboard.cli.projects import InProject, project_of
from callboard.client import calls
from callboard.wire.work import NewIssue


def new(
    title: Annotated[str, Parameter(help="What is to be done, in a line.")],
    /,
    *,
    body: Annotated[str, Parameter(help="More of it; `-` reads it from stdin.")] = "",
    project: InProject = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Make an issue in the local tracker of a project; its number is printed."""
    context = Context(show, where)
    text = sys.stdin.read() if body == STDIN else body
    found = project_of(context, project)
    issue = context.client.send(calls.work.create_issue(found.project_id, NewIssue(title=title, body=text)))
    output = context.output
    if output.json_wanted:
        output.value(issue)
    elif output.quiet:
        output.line(str(issue.number))
    else:
        output.line(span(f"#{issue.number}", "bold"), f"  {issue.title}")
        output.note(span(f"next: callboard spawn {issue.number}", "dim"))
    return 0
