"""The address of MCP: what has passed all gates goes to the application that whoever started us has mounted."""

from collections.abc import Callable
from typing import Final, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callboard.coordinator.config import Config
from callboard.coordinator.http.answer import ALREADY_SENT, API_HEADERS, Answer
from callboard.coordinator.http.call import Call
from callboard.domain.errors import Unavailable

_OURS: Final = frozenset(name for name, _ in API_HEADERS)


class Mounted(Protocol):
    """An application behind one of our addresses."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    async def close(self) -> None:
        """Ends what it has in hand."""


Mount = Callable[[ASGIApp, Config], Mounted]
"""Makes the application; it is given our own, to ask it whatever it needs, with the token of each request."""


async def handle_mcp(call: Call) -> Answer:
    """POST /mcp. Unavailable while there is no such application, or it is being loaded."""
    application = call.process.mcp()
    if application is None:
        raise Unavailable("This process serves no MCP.", hint="`callboard serve` does, and `callboard mcp` on stdin.")
    await application(call.scope, call.receive, _guarded(call))
    return ALREADY_SENT


def _guarded(call: Call) -> Send:
    """Adds to an answer's headers what all our answers have, and lets nobody keep it."""

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name, value) for name, value in message["headers"] if name.lower() not in _OURS]
            message = {**message, "headers": [*own, *API_HEADERS, (b"x-request-id", call.request_id.encode())]}
        await call.send(message)

    return send
