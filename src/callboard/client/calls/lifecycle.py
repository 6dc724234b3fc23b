"""Calls on the lifecycle of work: reports, actions and guidance."""

from callboard.client.call import Call, PageOf, path, query
from callboard.client.idempotency import new_key
from callboard.wire.responses import Session
from callboard.wire.work import ChangeLifecycle, Guidance


def change(session_id: str, body: ChangeLifecycle, *, idempotency_key: str | None = None) -> Call[Session]:
    """Report or act; 409 `illegal_move` names what the state allows. Sent again with the same key, it is done once."""
    where, key = path("sessions", session_id, "lifecycle"), idempotency_key or new_key()
    return Call(method="POST", path=where, body=body, response=Session, idempotency_key=key)


def guidance(session_id: str, *, page: str | None = None, limit: int | None = None) -> Call[PageOf[Guidance]]:
    """All that its worker was told, newest first."""
    where = path("sessions", session_id, "guidance")
    return Call(
        method="GET", path=where, query=query(page=page, limit=limit), response=PageOf[Guidance], repeatable=True
    )
