"""The tools behind the official SDK's server, for any transport; who calls is asked of the transport at each call."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import mcp_types as types
import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from callboard import __version__
from callboard.domain.errors import CallboardError, InvalidRequest
from callboard.mcp_server.answers import error_of
from callboard.mcp_server.arguments import Arguments, schema_of
from callboard.mcp_server.catalogue import BY_NAME, TOOLS, Tool
from callboard.mcp_server.tools import Tools

Context = ServerRequestContext[Any, Any]
CallerOf = Callable[[Context], AbstractAsyncContextManager[Tools]]
"""The tools of whoever sent a request, open as long as the request lasts."""
INSTRUCTIONS = (
    "Callboard starts other agents for you. start_agent_session, then wait_agent_session; its answer has the result. "
    "Repeat a call whose answer you did not get with the same request_id."
)


def server_of(caller_of: CallerOf) -> Server[Any]:
    """A server whose tools act for the caller of each request."""

    async def list_tools(_: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in TOOLS])

    async def call_tool(context: Context, asked: types.CallToolRequestParams) -> types.CallToolResult:
        tool = BY_NAME.get(asked.name)
        if tool is None:
            known = ", ".join(BY_NAME)
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {asked.name[:100]!r}; there are: {known}.")
        try:
            async with caller_of(context) as tools:
                answer = await tool.work(tools, _read(asked.arguments or {}, tool.arguments))
        except CallboardError as error:
            return _result(error_of(error), failed=True)
        return _result(answer, failed=False)

    return Server(
        "callboard",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=schema_of(tool.arguments),
        annotations=None if tool.changes else types.ToolAnnotations(read_only_hint=True),
    )


def _read(given: dict[str, Any], kind: type[Arguments]) -> Arguments:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{error}.", hint=_what_it_takes(str(error), kind)) from None


def _what_it_takes(problem: str, kind: type[Arguments]) -> str:
    """The argument that is wrong as the schema has it, or the names of all."""
    schema = schema_of(kind)
    name = problem.rpartition(" - at `$.")[2].rstrip("`").partition("[")[0]
    about = schema["properties"].get(name)
    if about is None:
        required = ", ".join(schema.get("required", ())) or "none"
        return f"It takes {', '.join(schema['properties'])}; required: {required}."
    if "enum" in about:
        return f"{name} is one of {', '.join(about['enum'])}."
    return f"{name} is: {json.dumps(about)}"


def _result(answer: dict[str, Any], *, failed: bool) -> types.CallToolResult:
    """Structured, and the same as text for clients that read only that."""
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=answer, is_error=failed
    )
