"""Messages to a session: into its live run where the agent takes them, else as a run that follows."""

import json

import msgspec

from callboard.coordinator.services.access import require_steering, visible_session
from callboard.coordinator.services.following_run import request_like
from callboard.coordinator.services.inheritance import INHERITED_LIMITS
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.run_creation import NewRun, create
from callboard.coordinator.services.run_requests import check_session_id
from callboard.domain import ids
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict
from callboard.domain.idempotency import Idempotency
from callboard.domain.permission import is_wider
from callboard.domain.text import check_text
from callboard.store.database import Database, Row, Transaction
from callboard.store.idempotency import remember, remembered
from callboard.wire.messages import MessageSent, SendMessage
from callboard.wire.requests import CreateRun


class MessageService:
    """Takes messages for sessions."""

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
            tx.lock_session(session_id)
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
        if request.delivery == "live":
            raise Conflict(
                f"{session_id} has no live run whose agent takes messages.",
                code="no_live_run",
                hint="Leave delivery out: then the message goes as the next run.",
            )
        run_id = self._follow(tx, caller, session, request.text, message_id)
        return MessageSent(message_id=message_id, session_id=session_id, run_id=run_id, delivery="resume")

    def _follow(self, tx: Transaction, caller: Caller, session: Row, text: str, message_id: str) -> str:
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
        )
        return create(tx, new, self._ids, self._limits).run_id


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
