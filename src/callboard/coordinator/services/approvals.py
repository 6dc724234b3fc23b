"""Approvals as runners ask for them and people decide on them; one decision stands, bound to what was asked."""

from typing import Any

import msgspec

from callboard.coordinator.services import approval_changes
from callboard.coordinator.services.access import visible_session
from callboard.coordinator.services.fleet import Fleet
from callboard.coordinator.services.locking import lock_run
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.rendering import render_approval
from callboard.coordinator.services.reports import locked_run, owned_run
from callboard.coordinator.services.run_requests import check_run_id
from callboard.coordinator.services.runner_access import check_runner
from callboard.domain import ids
from callboard.domain.approval import MAX_INPUT_BYTES
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound, TooLarge
from callboard.domain.runner import LeaseRules
from callboard.store.database import Database, Row, Transaction
from callboard.wire.requests import Decide
from callboard.wire.responses import Page
from callboard.wire.runner import ApprovalRequest, ApprovalSettled
from callboard.wire.steering import Approval
from callboard.wire.times import rfc3339


class ApprovalService:
    """Approvals of all sessions."""

    def __init__(self, database: Database, fleet: Fleet, new_ids: ids.Ids, rules: LeaseRules) -> None:
        self._database = database
        self._fleet = fleet
        self._ids = new_ids
        self._rules = rules

    async def request(self, caller: Caller, run_id: str, asked: ApprovalRequest) -> Approval:
        """An attempt asks for permission; asked again, the same approval. The row's end of waiting comes by poll."""
        await self._check(caller, run_id, asked.runner_id, asked.epoch)
        if len(msgspec.json.encode(asked.tool_input)) > MAX_INPUT_BYTES:
            raise TooLarge(f"tool_input is over {MAX_INPUT_BYTES} bytes.", hint="Deny it: nobody could look at it.")

        def work(tx: Transaction) -> Approval:
            run = owned_run(tx, locked_run(tx, run_id), caller, asked.attempt, self._rules)
            return render_approval(approval_changes.request(tx, run, self._ids.new(ids.APPROVAL), asked))

        return await self._database.write(work)

    async def settled(self, caller: Caller, run_id: str, report: ApprovalSettled) -> Approval:
        """The agent has the decision, or has withdrawn its request; once more changes nothing."""
        await self._check(caller, run_id, report.runner_id, report.epoch)

        def work(tx: Transaction) -> Approval:
            run = owned_run(tx, locked_run(tx, run_id), caller, report.attempt, self._rules)
            names = {"run_id": run_id, "attempt": report.attempt, "request_id": report.request_id}
            row = tx.one("approval_of_attempt", **names)
            if row is None:
                raise NotFound(f"{run_id} asked for no {report.request_id!r}.", code="approval_not_found")
            approval_changes.settle(tx, run, row)
            return render_approval(tx.one("approval_of_attempt", **names) or row)

        return await self._database.write(work)

    async def _check(self, caller: Caller, run_id: str, runner_id: str, epoch: int) -> None:
        check_run_id(run_id)
        check_runner(caller, runner_id, epoch, await self._fleet.get(runner_id, epoch))

    async def decide(self, caller: Caller, approval_id: str, decision: Decide) -> Approval:
        """A person's decision. Conflict when it is about something else, or another decision stands."""
        if not caller.may_write:
            raise Forbidden(
                f"{caller.kind_in_words} token may not decide on approvals.",
                hint="A person decides, with a user's token.",
            )

        def work(tx: Transaction) -> Approval:
            row = _locked(tx, caller, approval_id)
            run = tx.one("run_for_report", run_id=row["run_id"])
            if run is None:
                raise NotFound(f"There is no approval {approval_id}.", code="approval_not_found")
            _check_open(row)
            _check_same(row, decision)
            _check_scope(row, decision)
            values: dict[str, Any] = {
                "decided_by": caller.token_id,
                "reason": decision.reason,
                "updated_input": _json(decision.updated_input),
                "scope": decision.scope,
                "granted_by": None,
            }
            approval_changes.decide(tx, run, row, decision.decision, **values)
            return render_approval(tx.one("approval_by_id", approval_id=approval_id) or row)

        return await self._database.write(work)

    async def ask_again(self, caller: Caller, approval_id: str) -> Approval:
        """Ends what a decision for the whole session allows; does nothing to one that held once."""
        if not caller.may_write:
            raise Forbidden(f"{caller.kind_in_words} token may not change what agents may do.")

        def work(tx: Transaction) -> Approval:
            row = _locked(tx, caller, approval_id)
            run = tx.one("run_for_report", run_id=row["run_id"])
            if run is not None and row["grant_key"]:
                approval_changes.end_grants(tx, run, row, caller.token_id)
            return render_approval(tx.one("approval_by_id", approval_id=approval_id) or row)

        return await self._database.write(work)

    async def list(
        self, caller: Caller, *, status: str | None, session_id: str | None, page: str | None, limit: int
    ) -> Page:
        """Approvals, newest first, of the sessions that the caller may see."""
        check_limit(limit)
        name = f"approvals:{status or ''}:{session_id or ''}"
        before = read_mark(name, page, ids.APPROVAL + "_" + "z" * 26)
        filters = {"status": status or "", "session_id": session_id or "", "project_id": caller.project_id or ""}

        def work(tx: Transaction) -> Page:
            if session_id is not None:
                visible_session(tx, caller, session_id)
            rows = tx.all("approvals_newest", before=before, limit=limit + 1, **filters)
            last = rows[limit - 1]["approval_id"] if len(rows) > limit else None
            return page_of(name, [render_approval(row) for row in rows[:limit]], limit, last)

        return await self._database.read(work)


def _locked(tx: Transaction, caller: Caller, approval_id: str) -> Row:
    found = tx.one("approval_by_id", approval_id=approval_id)
    if found is not None:
        lock_run(tx, found["run_id"])
        found = tx.one("approval_by_id", approval_id=approval_id)
    if found is None:
        raise NotFound(f"There is no approval {approval_id}.", code="approval_not_found")
    visible_session(tx, caller, found["session_id"])
    return found


def _check_open(row: Row) -> None:
    if row["status"] == "pending":
        return
    if row["status"] == "expired":
        raise Conflict(
            f"{row['approval_id']} has expired: the agent does not wait for it any more.",
            code="approval_expired",
            hint="If the agent goes on, it asks anew: callboard approvals list",
        )
    who, when = row["decided_by"], rfc3339(row["decided_at"])
    called = f" ({row['decided_by_label']})" if row["decided_by_label"] else ""
    raise Conflict(
        f"{row['approval_id']} was {row['status']} by {who}{called} at {when}.",
        code="approval_decided",
        hint="That decision stands.",
        errors=[{"status": row["status"], "decided_by": who, "decided_at": when}],
    )


def _check_same(row: Row, decision: Decide) -> None:
    if decision.content_hash != row["content_hash"]:
        raise Conflict(
            "The decision is about another request than the one that waits.",
            code="approval_changed",
            hint="Look at it again and decide with its content_hash.",
            errors=[{"content_hash": row["content_hash"]}],
        )


def _check_scope(row: Row, decision: Decide) -> None:
    if decision.scope == "once":
        return
    if decision.decision == "deny" or decision.updated_input is not None or not row["grant_key"]:
        raise InvalidRequest(
            "Only a permission for just what was asked for can hold for the session.",
            hint="Leave scope out: the decision holds once.",
            errors=[{"pointer": "/scope", "message": "once"}],
        )


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
