"""Approvals on the command line: what agents ask permission for, and a person's decision."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter

from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import Part, span
from callboard.cli.references import session_id_of
from callboard.client import calls
from callboard.client.transport import Client
from callboard.domain.approval import ASK, ApprovalStatus, Scope, with_answers
from callboard.domain.errors import Conflict, InvalidRequest, NotFound
from callboard.domain.ids import APPROVAL, is_id
from callboard.wire.requests import Decide
from callboard.wire.steering import Approval

_COLUMNS: Final = ("APPROVAL", "STATUS", "SESSION", "RISK", "TOOL", "INPUT")
_SHOWN: Final = 300
Reference = Annotated[str, Parameter(help="The approval's id, apr_…, or its session.")]
Reason = Annotated[str | None, Parameter(help="Told to the agent.")]


def list_approvals(
    *,
    status: Annotated[ApprovalStatus | None, Parameter(help="Only these; default: those that wait.")] = "pending",
    everything: Annotated[bool, Parameter(name="--all", help="Also what was decided or has expired.")] = False,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """What agents ask permission for."""
    context = Context(show, where)
    page = context.client.send(calls.approvals.list_(status=None if everything else status, limit=200))
    context.output.listing(page, _COLUMNS, [_row(one) for one in page.items], flexible=5)
    return 0


def approve(
    reference: Reference,
    /,
    *,
    session: Annotated[bool, Parameter(help="For the rest of the session; it says what that allows.")] = False,
    answer: Annotated[tuple[str, ...], Parameter(help="To what it asks; once for each of its questions.")] = (),
    reason: Reason = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Allow what an agent asks permission for, once or for the rest of its session; answer what it asks."""
    scope: Scope = "session" if session else "once"
    return _decide(reference, "allow", Context(show, where), reason=reason, scope=scope, answers=answer)


def deny(reference: Reference, /, *, reason: Reason = None, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """Deny what an agent asks permission for; it goes on without."""
    return _decide(reference, "deny", Context(show, where), reason=reason)


def ask_again(
    approval_id: Annotated[str, Parameter(help="The approval's id, apr_…")],
    /,
    *,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """End what `approve --session` allows: the agent asks again."""
    context = Context(show, where)
    ended = context.client.send(calls.approvals.ask_again(approval_id))
    if context.output.json_wanted:
        context.output.value(ended)
    else:
        context.output.line(ended.approval_id)
    return 0


def _decide(
    reference: str,
    decision: Literal["allow", "deny"],
    context: Context,
    *,
    reason: str | None,
    scope: Scope = "once",
    answers: Sequence[str] = (),
) -> int:
    waiting = _waiting(context.client, reference, context.settings["project"])
    body = Decide(decision=decision, content_hash=waiting.content_hash, reason=reason, scope=scope)
    if answers or (decision == "allow" and waiting.tool_name == ASK):
        body.updated_input = _answered(waiting, answers)
    decided = context.client.send(calls.approvals.decide(waiting.approval_id, body))
    if scope == "session":
        context.output.note(f"Allowed from now on: {waiting.session_allows}")
    if context.output.json_wanted:
        context.output.value(decided)
    elif context.output.quiet:
        context.output.line(decided.approval_id)
    else:
        context.output.line(f"{decided.approval_id}  {decided.status}  {_asked(decided)}")
    return 0


def _answered(waiting: Approval, answers: Sequence[str]) -> dict[str, Any]:
    """The input with the answers. InvalidRequest when they are not one for each question."""
    given = with_answers(waiting.tool_name, waiting.tool_input, answers)
    if given is not None:
        return given
    if waiting.tool_name != ASK:
        raise InvalidRequest("It asks no question.", hint="Leave --answer out.")
    raise InvalidRequest(
        f"It asks: {waiting.description}", hint="Give --answer TEXT once for each question, or deny it."
    )


def _waiting(client: Client, reference: str, project: str | None) -> Approval:
    """The approval that is meant. NotFound; Conflict when a session has several."""
    if reference.startswith(f"{APPROVAL}_") and not is_id(APPROVAL, reference):
        raise InvalidRequest(
            f"{reference!r} is no approval's id.", code="invalid_id", hint="callboard approvals list shows them."
        )
    if is_id(APPROVAL, reference):
        found = _by_id(client, reference)
    else:
        session_id = session_id_of(client, reference, project)
        found = client.send(calls.approvals.list_(status="pending", session_id=session_id, limit=200)).items
    if not found:
        raise NotFound(
            f"Nothing waits for a decision under {reference!r}.",
            code="approval_not_found",
            hint="callboard approvals list",
        )
    if len(found) > 1:
        raise Conflict(
            f"{reference} waits for {len(found)} decisions.",
            code="ambiguous_reference",
            hint="Name one: " + ", ".join(f"{one.approval_id} ({_asked(one)[:60]})" for one in found[:5]),
        )
    return found[0]


def _by_id(client: Client, approval_id: str) -> list[Approval]:
    """The approval, among all that wait; else among the newest of the others, whose refusal says what became of it."""
    page, asked = None, calls.approvals.list_(status="pending", limit=200)
    while page is None or page.next_page is not None:
        page = client.send(asked)
        if found := [one for one in page.items if one.approval_id == approval_id]:
            return found
        asked = calls.approvals.list_(status="pending", limit=200, page=page.next_page)
    return [one for one in client.send(calls.approvals.list_(limit=200)).items if one.approval_id == approval_id]


def _asked(approval: Approval) -> str:
    text = f"{approval.tool_name} {json.dumps(approval.tool_input, ensure_ascii=False)}"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _row(approval: Approval) -> list[Part]:
    status = span(approval.status, "yellow") if approval.status == "pending" else approval.status
    given = json.dumps(approval.tool_input, ensure_ascii=False)[:_SHOWN]
    risk = span(f"dangerous: {', '.join(approval.risk_notes)}", "red") if approval.risk_notes else approval.risk
    return [approval.approval_id, status, approval.session_id, risk, approval.tool_name, given]
