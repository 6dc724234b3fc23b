"""`callboard open`: a one-time link into the pages, opened where there is a screen."""

from typing import Annotated

import msgspec
from cyclopts import Parameter

from callboard.cli.browser import login_url, may_open_browser, open_in_browser
from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import span
from callboard.cli.references import session_id_of
from callboard.client.discovery import default_data_dir


class Link(msgspec.Struct, kw_only=True):
    """What `open --json` prints."""

    url: str
    opened: bool


def open_page(
    reference: Annotated[str | None, Parameter(help="A session or run; default: the dashboard.")] = None,
    /,
    *,
    browser: Annotated[
        bool, Parameter(name="--browser", negative="--no-browser", help="Open the link in the browser.")
    ] = True,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Open the pages: prints a link that logs a browser in, once, and opens it where there is a screen.

    The link works for ten minutes, also in a browser on another device that reaches the coordinator.
    """
    context = Context(show, where)
    place = ""
    if reference is not None:
        place = f"/ui/sessions/{session_id_of(context.client, reference, context.settings['project'])}"
    url = login_url(context.client, context.access.url, place)
    opened = browser and may_open_browser() and open_in_browser(url, where.data_dir or default_data_dir())
    if context.output.json_wanted:
        context.output.value(Link(url=url, opened=opened))
        return 0
    context.output.line(url)
    if not context.output.quiet:
        context.output.note(span("The link works once. Make another with `callboard open`.", "dim"))
    return 0
