"""Routes of approvals: what agents ask permission for, and the decisions on it."""

import msgspec

from callboard.coordinator.http.call import Call
from callboard.wire.responses import Page
from callboard.wire.steering import Approval


async def list_approvals(call: Call) -> Page:
    """GET /approvals."""
    return await call.services.approvals.list(call.caller, **msgspec.structs.asdict(call.query))


async def decide_approval(call: Call) -> Approval:
    """POST /approvals/{approval_id}/decide."""
    return await call.services.approvals.decide(call.caller, call.id, call.body)


async def ask_again(call: Call) -> Approval:
    """POST /approvals/{approval_id}/ask_again."""
    return await call.services.approvals.ask_again(call.caller, call.id)


async def report_approval(call: Call) -> Approval:
    """POST /runner/runs/{run_id}/approvals."""
    return await call.services.approvals.request(call.caller, call.id, call.body)


async def report_settled(call: Call) -> Approval:
    """POST /runner/runs/{run_id}/approvals/settled."""
    return await call.services.approvals.settled(call.caller, call.id, call.body)
