"""`callboard mcp`: the MCP server on stdin and stdout, for agents. What its tools do is not known here."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.run import PARENT_VARIABLE
from callboard.domain.errors import Unauthenticated
from callboard.domain.ids import SESSION, is_id

ID_BYTES = 64


def mcp(
    *,
    parent_file: Annotated[
        Path | None, Parameter(help="File with the id of the parent, looked at in each call; it may come and go.")
    ] = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Serve the MCP tools on stdin and stdout, for an agent's configuration.

    The token and the coordinator are found as by every command; the parent of what is started is AGENT_SESSION_ID.
    """
    # Imported here because it brings the SDK.
    from callboard.mcp_server.stdio import serve  # noqa: PLC0415

    context = Context(show, where)
    access = context.access
    if access.token is None:
        raise Unauthenticated("No token was found.", hint="Set CALLBOARD_TOKEN or CALLBOARD_TOKEN_FILE.")
    if sys.stdin.isatty():
        context.output.note("An MCP server speaks JSON on stdin and stdout: name this command in an agent's settings.")
    asyncio.run(serve(access.url, access.token, lambda: _parent(parent_file)))
    return 0


def _parent(file: Path | None) -> str | None:
    """The session that the agent is now: as the file says, else the environment."""
    try:
        told = "" if file is None else file.open(encoding="ascii").read(ID_BYTES).strip()
    except (OSError, ValueError):
        told = ""
    return told if is_id(SESSION, told) else os.environ.get(PARENT_VARIABLE) or None
