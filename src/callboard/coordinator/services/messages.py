"""Messages to a session: into its live run where the agent takes them, else as a run that follows."""

import json
from functools import partial
from typing import Final

import msgspec

from callboard.coordinator.services import message_changes
from callboard.coordinator.services.access import require_steering, visible_session
from callboard.coordinator.services.following_run import request_like
from callboard.coordinator.services.inheritance import INHERITED_LIMITS
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.locking import lock_for_run
from callboard.coordinator.services.new_run import NewRun
from callboard.coordinator.services.run_changes import is_ended, is_external
from callboard.coordinator.services.run_creation import create
from callboard.coordinator.services.run_requests import check_session_id
from callboard.domain import ids
from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError, Conflict
from callboard.domain.idempotency import Idempotency
from callboard.domain.permission import effective_mode, is_wider
from callboard.domain.text import check_text
from callboard.store.database import Database, Row, Transaction
from callboard.store.idempotency import remember, remembered
from callboard.wire.messages import MessageSent, SendMessage
from callboard.wire.requests import CreateRun

PASSING: Final = ("session_external", "limit_reached")
"""Why no run can be made for a message now, but later."""


class MessageService:
    """Takes messages for sessions, and makes runs of those that no agent took."""

    def __init__(self, database: Database, new_ids: ids.Ids, limits: TreeLimits) -> None:
        self._database = database
        self._ids = new_ids
        self._limits = limits

    async def send(
        self, caller: Caller, session_id: str, request: SendMessage, idempotency: Idempotency | None
    ) -> MessageSent:
        """Where the message goes: at once as a run when the session is idle. Conflict `no_live_run` for live alone."""
        check_session_id(session_id)
        check_text(request.text, "/text", empty=False)

        def work(tx: Transaction) -> MessageSent:
            lock_for_run(tx, session_id)
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=MessageSent)
            sent = self._send(tx, caller, session_id, request)
            remember(tx, idempotency, 201, msgspec.json.encode(sent))
            return sent

        return await self._database.write(work)

    def _send(self, tx: Transaction, caller: Caller, session_id: str, request: SendMessage) -> MessageSent:
        session = visible_session(tx, caller, session_id)
        require_steering(tx, caller, session)
        message_id = self._ids.new(ids.MESSAGE)
        live = None if request.delivery == "resume" else listening_run(tx, caller, session_id)
        if live is not None:
            self._offer(tx, caller, session, live, message_id, request.text)
            return MessageSent(message_id=message_id, session_id=session_id, run_id=live["run_id"], delivery="live")
        if request.delivery == "live":
            raise Conflict(
                f"{session_id} has no live run whose agent takes messages.",
                code="no_live_run",
                hint="Leave delivery out: then the message goes as the next run.",
            )
        run_id = self._follow(tx, caller, session, request.text, message_id)
        return MessageSent(message_id=message_id, session_id=session_id, run_id=run_id, delivery="resume")

    def _offer(self, tx: Transaction, caller: Caller, session: Row, live: Row, message_id: str, text: str) -> None:
        offered = tx.all("offered_messages", session_id=session["session_id"])
        if len(offered) >= self._limits.waiting_runs_per_session:
            raise Conflict(f"The agent has not taken {len(offered)} messages yet.", code="limit_reached")
        agent = caller if caller.kind == "session" else None
        message = {
            "message_id": message_id,
            "text": text,
            "created_by": caller.token_id,
            "sender_session_id": agent.session_id if agent else None,
            "sender_run_id": agent.run_id if agent else None,
        }
        message_changes.offer(tx, session, live, message)

    def _follow(
        self, tx: Transaction, caller: Caller, session: Row, text: str, message_id: str, *, left_behind: bool = False
    ) -> str:
        """A run like the session's latest one, with the message as its prompt; what an agent asks for is narrowed."""
        latest = tx.all("run_by_id", run_id=session["latest_run_id"])[0]
        request = request_like(latest, text)
        told = latest["caller_session_id"] if caller.kind == "session" else None
        if told is None or told != caller.session_id:
            request.execution_mode = "sync"
        if caller.kind == "session":
            request = _within(tx, caller, request)
        new = NewRun(
            request=request,
            prompt=text,
            caller=caller,
            parent_session_id=caller.session_id,
            executor_type=latest["executor_type"],
            offered_executors=frozenset({latest["executor_type"]}),
            no_match_ms=latest["no_match_ms"],
            message_id=message_id,
            left_behind=left_behind,
        )
        return create(tx, new, self._ids, self._limits).run_id

    async def sweep_once(self) -> int:
        """Makes runs of messages whose run ended before its agent took them; how many sessions had some."""
        left = await self._database.read(lambda tx: tx.all("sessions_with_left_messages"))
        for row in left:
            await self._database.write(partial(self._look_at, session_id=row["session_id"]))
        return len(left)

    def _look_at(self, tx: Transaction, session_id: str) -> None:
        lock_for_run(tx, session_id)
        for row in tx.all("offered_messages", session_id=session_id):
            run = tx.one("run_by_id", run_id=row["run_id"])
            if run is None or not is_ended(run):
                continue
            if tx.one("guidance_of_message", message_id=row["message_id"]):  # it stands in the next prompt
                message_changes.settle(tx, session_id, row["message_id"], "cancelled", row["run_id"])
            else:
                self._resume(tx, tx.all("session_by_id", session_id=session_id)[0], row)

    def _resume(self, tx: Transaction, session: Row, row: Row) -> None:
        try:
            run_id = self._follow(tx, _sender(row), session, row["text"], row["message_id"], left_behind=True)
        except CallboardError as refused:
            if refused.code not in PASSING:
                message_changes.refuse(tx, session, row, refused.detail)
            return
        message_changes.settle(tx, session["session_id"], row["message_id"], "resumed", run_id)


def listening_run(tx: Transaction, caller: Caller, session_id: str) -> Row | None:
    """The live run, when its agent can be spoken to by the caller: it works, listens, and nobody wants it to stop."""
    live = tx.one("live_run_of_session", session_id=session_id)
    if live is None or live["status"] != "running" or live["stop_requested_at"] or is_external(live):
        return None
    attempt = tx.one("attempt_by_id", run_id=live["run_id"], attempt=live["attempt"])
    if attempt is None or not attempt["takes_messages"]:
        return None
    return None if caller.kind == "session" and _may_more(tx, caller, live) else live


def _may_more(tx: Transaction, caller: Caller, live: Row) -> bool:
    """Whether a run may do what the calling agent may not: it is not spoken to then, but asked anew, with less."""
    calling = tx.all("run_by_id", run_id=caller.run_id)[0]
    mode = effective_mode(live["permission_mode"], live["executor_type"])
    return is_wider(mode, live["executor_type"], calling["permission_mode"], calling["executor_type"])


def _sender(row: Row) -> Caller:
    """Who sent a message, with no more rights than then: an agent's are those of its run."""
    if row["sender_session_id"] is None:
        return Caller(token_id=row["created_by"], kind="user")
    ids_of = {"session_id": row["sender_session_id"], "run_id": row["sender_run_id"]}
    return Caller(token_id=row["created_by"], kind="session", **ids_of)


def _within(tx: Transaction, caller: Caller, request: CreateRun) -> CreateRun:
    """What the calling agent may not ask for is cut to what it has itself: it asked for nothing but an answer."""
    calling = tx.all("run_by_id", run_id=caller.run_id)[0]
    executor_type = request.executor_type or ""
    mode, parents = request.permission_mode, calling["permission_mode"]
    if is_wider(mode, executor_type, parents, calling["executor_type"]):
        request.permission_mode = None
    most = json.loads(calling["limits"])
    if request.limits is not None:
        for name in INHERITED_LIMITS:
            own, callers = getattr(request.limits, name), most.get(name)
            if own is not None and callers is not None:
                setattr(request.limits, name, min(own, callers))
    request.project_dir = None
    return request
