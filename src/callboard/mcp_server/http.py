"""MCP over HTTP, without state: each request carries the token it acts with, and may name the session it speaks for."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx2
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.types import ASGIApp

from callboard.client.transport import AsyncClient
from callboard.mcp_server.server import Context, server_of
from callboard.mcp_server.tools import Tools

INSIDE: Final = "http://127.0.0.1"
"""Our own address to ourselves; no connection is made."""
BEARER: Final = "bearer "
NOBODY: Final = ("127.0.0.1", 0)


def endpoint(coordinator: ASGIApp, body_bytes: int) -> StreamableHTTPSessionManager:
    """The SDK's side of an address. Whose requests reach it was decided before: Host, Origin and token."""

    @asynccontextmanager
    async def caller_of(context: Context) -> AsyncIterator[Tools]:
        request = context.request
        if not isinstance(request, Request):
            raise TypeError("a message came without its request")
        peer = NOBODY if request.client is None else (request.client.host, request.client.port)
        transport = httpx2.ASGITransport(app=coordinator, client=peer)
        async with AsyncClient(INSIDE, _token_of(request), transport=transport) as client:
            yield Tools(client, request.headers.get("x-agent-session-id"))

    for name in ("httpx2", "mcp"):
        logging.getLogger(name).setLevel(logging.WARNING)  # what we ask ourselves is in our log already
    return StreamableHTTPSessionManager(server_of(caller_of), stateless=True, max_request_body_size=body_bytes)


def _token_of(request: Request) -> str:
    said = request.headers.get("authorization", "")
    return said[len(BEARER) :].strip() if said.lower().startswith(BEARER) else ""
