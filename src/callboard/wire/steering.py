"""What people look at and decide on while agents wait: callbacks and approvals, as the API shows them."""

from typing import Any

from callboard.wire.responses import Response


class Callback(Response, kw_only=True):
    """The end of a child's run on its way to the session that waits for it."""

    callback_id: str
    status: str
    """waiting, assigned, accepted, held or undeliverable."""
    child_session_id: str
    child_run_id: str
    receiver_session_id: str
    run_id: str | None
    """The receiver's run that is to carry it, or carried it."""
    tries: int
    why: str | None
    """Why it is held or undeliverable: a sentence."""
    created_at: str
    updated_at: str
    accepted_at: str | None


class Approval(Response, kw_only=True):
    """A request for permission of an agent, and the decision on it."""

    approval_id: str
    status: str
    """pending, allowed, denied or expired."""
    session_id: str
    run_id: str
    attempt: int
    tool_name: str
    tool_input: dict[str, Any]
    tool_use_id: str | None
    description: str
    project_dir: str | None
    risk: str
    """reads, writes, writes_elsewhere, executes, dangerous or unknown: a hint from tool, paths and command."""
    risk_notes: list[str]
    """What makes it dangerous, each in a few words. What is not recognised is not called safe."""
    content_hash: str
    """What a decision names, so that it is about this very request."""
    session_allows: str | None
    """What a decision for the whole session would allow besides: a sentence; null where it holds once."""
    scope: str
    """once, or session: what is like it is allowed for the rest of the session."""
    granted_by: str | None
    """The approval whose decision for the session allowed this one unasked."""
    decided_by: str | None
    """The token."""
    decided_by_label: str | None
    reason: str | None
    updated_input: dict[str, Any] | None
    requested_at: str
    decided_at: str | None
