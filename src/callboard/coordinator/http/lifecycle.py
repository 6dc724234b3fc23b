"""Routes of a work session's lifecycle and guidance."""

from callboard.coordinator.http.call import Call
from callboard.wire.responses import Page, Session


async def change_lifecycle(call: Call) -> Session:
    """POST /sessions/{session_id}/lifecycle."""
    return await call.services.lifecycle.change(call.caller, call.id, call.body, call.idempotency)


async def list_guidance(call: Call) -> Page:
    """GET /sessions/{session_id}/guidance."""
    return await call.services.lifecycle.guidance(call.caller, call.id, page=call.query.page, limit=call.query.limit)
