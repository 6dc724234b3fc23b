"""The MCP server of one process: it speaks on stdin and stdout, and asks a coordinator over HTTP with one token."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from mcp.server.stdio import stdio_server

from callboard.client.retry import RetryPolicy
from callboard.client.transport import AsyncClient
from callboard.mcp_server.server import Context, server_of
from callboard.mcp_server.tools import Tools

PATIENCE: Final = RetryPolicy(attempts=20)
"""Half a minute: a coordinator that is started again is no reason to trouble an agent."""


async def serve(url: str, token: str, parent: Callable[[], str | None]) -> None:
    """Serves until stdin ends. `parent` says at each call which session the agent is, if any."""
    async with AsyncClient(url, token, retry=PATIENCE) as client:

        @asynccontextmanager
        async def caller_of(_: Context) -> AsyncIterator[Tools]:
            yield Tools(client, parent())

        server = server_of(caller_of)
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())
