"""An agent that has only our MCP server, by the official SDK's client: over stdio, or over HTTP in either era."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Literal

import httpx2
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.support.coordinator import Coordinator

Transport = Literal["stdio", "http", "http of 2025"]
TRANSPORTS: Final[tuple[Transport, ...]] = ("stdio", "http", "http of 2025")
SECONDS: Final = 60.0


class McpAgent:
    """A connected client, which keeps what it was told."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.told: list[tuple[str, dict[str, Any]]] = []

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The answer of a tool, which must not be an error."""
        failed, answer = await self._answer(tool, arguments)
        assert not failed, answer
        return answer

    async def refused(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The error of a tool: code, message and hint."""
        failed, answer = await self._answer(tool, arguments)
        assert failed, answer
        error: dict[str, Any] = answer["error"]
        return error

    async def _answer(self, tool: str, arguments: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
        result = await self.client.call_tool(tool, arguments)
        answer = result.structured_content
        assert isinstance(answer, dict), result
        self.told.append((tool, result.model_dump(by_alias=True, exclude_none=True, exclude={"meta"})))
        return bool(result.is_error), answer


@asynccontextmanager
async def mcp_agent(
    coordinator: Coordinator, transport: Transport, token: str, session_id: str | None = None
) -> AsyncIterator[McpAgent]:
    """An agent with a token; `session_id` is what its environment, or its header, says that it is."""
    async with AsyncExitStack() as stack:
        if transport == "stdio":
            variables = {"CALLBOARD_URL": coordinator.url, "CALLBOARD_TOKEN": token, "HOME": str(coordinator.data_dir)}
            said = {"AGENT_SESSION_ID": session_id} if session_id else {}
            server = StdioServerParameters(
                command=sys.executable, args=["-P", "-m", "callboard", "mcp"], env=variables | said
            )
            client = Client(stdio_client(server), read_timeout_seconds=SECONDS)
        else:
            headers = {"Authorization": f"Bearer {token}"} | ({"X-Agent-Session-Id": session_id} if session_id else {})
            http = httpx2.AsyncClient(headers=headers, timeout=SECONDS, trust_env=False)
            await stack.enter_async_context(http)
            client = Client(
                streamable_http_client(f"{coordinator.url}/mcp", http_client=http),
                read_timeout_seconds=SECONDS,
                mode="legacy" if transport == "http of 2025" else "auto",
            )
        yield McpAgent(await stack.enter_async_context(client))
