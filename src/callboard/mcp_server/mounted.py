"""The MCP server inside a coordinator, at POST /mcp; what it needs is loaded by the first request, in a thread.

The SDK costs a second and tens of megabytes, which a coordinator that nobody speaks MCP to never pays.
"""

import asyncio
import importlib
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from callboard.domain.errors import Unavailable

LOAD_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0

log = structlog.get_logger(__name__)


class LazyMcp:
    """An ASGI application for one address of another, to which it turns with the token of each request."""

    def __init__(self, coordinator: ASGIApp, body_bytes: int) -> None:
        self._coordinator = coordinator
        self._body_bytes = body_bytes
        self._loaded: asyncio.Future[Any] | None = None
        self._serving: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Unavailable while it is loaded for longer than a client should wait."""
        if self._loaded is None:
            self._loaded = asyncio.get_running_loop().create_future()
            self._serving = asyncio.create_task(self._serve(self._loaded))
            self._serving.add_done_callback(self._ended)
        try:
            endpoint = await asyncio.wait_for(asyncio.shield(self._loaded), LOAD_SECONDS)
        except TimeoutError:
            raise Unavailable("The MCP server is being loaded.", hint="Try again shortly.") from None
        await endpoint.handle_request(scope, receive, send)

    async def close(self) -> None:
        """Ends what is open."""
        self._closing.set()
        if self._serving is not None:
            await asyncio.wait((self._serving,), timeout=CLOSE_SECONDS)

    def _ended(self, serving: "asyncio.Task[None]") -> None:
        """What could not be loaded is tried again by the next request."""
        if self._loaded is not None and not self._loaded.done():
            log.error("the MCP server could not be loaded", error=repr(serving.exception()))
            self._loaded.set_exception(Unavailable("The MCP server could not be loaded.", hint="The log has more."))
            self._loaded = None

    async def _serve(self, loaded: "asyncio.Future[Any]") -> None:
        module = await asyncio.to_thread(importlib.import_module, "callboard.mcp_server.http")
        endpoint = module.endpoint(self._coordinator, self._body_bytes)
        async with endpoint.run():
            loaded.set_result(endpoint)
            await self._closing.wait()
