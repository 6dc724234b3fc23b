"""Calls on callbacks."""

from callboard.client.call import Call, PageOf, path, query
from callboard.wire.requests import Nothing
from callboard.wire.steering import Callback


def list_(
    *, status: str | None = None, session_id: str | None = None, page: str | None = None, limit: int | None = None
) -> Call[PageOf[Callback]]:
    """A page of callbacks, newest first."""
    wanted = query(status=status, session_id=session_id, page=page, limit=limit)
    return Call(method="GET", path=path("callbacks"), query=wanted, response=PageOf[Callback], repeatable=True)


def deliver(callback_id: str) -> Call[Callback]:
    """Let a held or undeliverable one go out again."""
    return Call(method="POST", path=path("callbacks", callback_id, "deliver"), body=Nothing(), response=Callback)
