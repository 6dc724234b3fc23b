"""Calls on approvals."""

from callboard.client.call import Call, PageOf, path, query
from callboard.wire.requests import Decide, Nothing
from callboard.wire.steering import Approval


def list_(
    *, status: str | None = None, session_id: str | None = None, page: str | None = None, limit: int | None = None
) -> Call[PageOf[Approval]]:
    """A page of requests for permission, newest first."""
    wanted = query(status=status, session_id=session_id, page=page, limit=limit)
    return Call(method="GET", path=path("approvals"), query=wanted, response=PageOf[Approval], repeatable=True)


def decide(approval_id: str, body: Decide) -> Call[Approval]:
    """Allow or deny; one decision stands."""
    return Call(method="POST", path=path("approvals", approval_id, "decide"), body=body, response=Approval)


def ask_again(approval_id: str) -> Call[Approval]:
    """End what a decision for the session allows."""
    return Call(
        method="POST",
        path=path("approvals", approval_id, "ask_again"),
        body=Nothing(),
        response=Approval,
        repeatable=True,
    )
