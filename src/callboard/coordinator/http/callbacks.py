"""Routes of callbacks: what waits, is held or could not be delivered, and delivering it again."""

import msgspec

from callboard.coordinator.http.call import Call
from callboard.wire.responses import Page
from callboard.wire.steering import Callback


async def list_callbacks(call: Call) -> Page:
    """GET /callbacks."""
    return await call.services.callbacks.list(call.caller, **msgspec.structs.asdict(call.query))


async def deliver_callback(call: Call) -> Callback:
    """POST /callbacks/{callback_id}/deliver."""
    return await call.services.callbacks.deliver(call.caller, call.id)
