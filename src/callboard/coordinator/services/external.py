"""External sessions: conversations that another process leads and reports with a session token of its own.

Such a run is claimed and started in the transaction that creates it; nobody dispatches it.
"""

from typing import Final

import msgspec

from callboard.coordinator.services import external_runs
from callboard.coordinator.services.access import visible_session
from callboard.coordinator.services.bindings import native_id
from callboard.coordinator.services.external_runs import Leading
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.locking import lock_family, locked_run
from callboard.coordinator.services.new_run import proven_parent
from callboard.coordinator.services.run_changes import is_external, reconnect, revoke_session_tokens
from callboard.coordinator.services.run_requests import BUILT_IN_EXECUTORS, check_session_id
from callboard.coordinator.services.tree_limits import check_tree
from callboard.domain import ids
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound
from callboard.domain.idempotency import Idempotency
from callboard.domain.ids import Ids
from callboard.domain.runner import LeaseRules
from callboard.store.database import Database, Row, Transaction
from callboard.store.idempotency import remember, remembered_with_status
from callboard.store.tokens import hash_of, new_secret
from callboard.wire.requests import CreateExternalSession
from callboard.wire.responses import ExternalSession

CREATED: Final = 201
KNOWN: Final = 200


class ExternalService:
    """Takes in conversations that are led elsewhere."""

    def __init__(self, database: Database, new_ids: Ids, rules: LeaseRules, limits: TreeLimits) -> None:
        self._database = database
        self._ids = new_ids
        self._rules = rules
        self._limits = limits

    async def create(
        self,
        caller: Caller,
        request: CreateExternalSession,
        agent_session_id: str | None,
        idempotency: Idempotency | None,
    ) -> tuple[ExternalSession, bool]:
        """The session of a conversation, its running run and a token for it; and whether the session is new.

        The same conversation again is the same session: while its run lives it gets a new token, which replaces
        the one before; after that a new run begins. Conflict `executor_session_in_use` when it is not the caller's.
        """
        _check(caller, request, agent_session_id)
        parent = proven_parent(caller, request.parent_session_id, agent_session_id)

        def work(tx: Transaction) -> tuple[ExternalSession, bool]:
            if parent is not None:
                lock_family(tx, parent)
            before = remembered_with_status(tx, idempotency)
            if before is not None:
                status, answer = before
                return self._again(tx, msgspec.json.decode(answer, type=ExternalSession)), status == CREATED
            made, created = self._take_in(tx, caller, request, parent)
            kept = msgspec.structs.replace(made, session_token=None)
            remember(tx, idempotency, CREATED if created else KNOWN, msgspec.json.encode(kept))
            return made, created

        return await self._database.write(work)

    def _again(self, tx: Transaction, answered: ExternalSession) -> ExternalSession:
        """A repeated request: the secret is nowhere, so a run that still lives gets a new one."""
        run = locked_run(tx, answered.run_id)
        if run is None or run["status"] != "running":
            return answered
        return self._give_token(tx, run)

    def _take_in(
        self, tx: Transaction, caller: Caller, request: CreateExternalSession, parent_session_id: str | None
    ) -> tuple[ExternalSession, bool]:
        _check_executor(tx, request.executor_type)
        session = _known_session(tx, caller, request)
        if session is not None:
            tx.lock_session(session["session_id"])
            session = _known_session(tx, caller, request)
        if session is None:
            return self._create(tx, caller, request, parent_session_id), True
        live = tx.one("live_run_of_session", session_id=session["session_id"])
        run_id = self._begin(tx, caller, request, session) if live is None else self._continue(tx, request, live)
        return self._give_token(tx, _run(tx, run_id)), False

    def _create(
        self, tx: Transaction, caller: Caller, request: CreateExternalSession, parent_session_id: str | None
    ) -> ExternalSession:
        parent = None if parent_session_id is None else _parent(tx, caller, parent_session_id)
        if parent is not None:
            check_tree(tx, parent, self._limits)
        leading = self._leading(caller, request)
        external_runs.insert_session(tx, leading, self._ids.new(ids.SESSION), parent)
        return self._give_token(tx, _run(tx, leading.run_id))

    def _begin(self, tx: Transaction, caller: Caller, request: CreateExternalSession, session: Row) -> str:
        if session["archived_at"] is not None:
            raise Conflict(
                f"{session['session_id']} has this conversation and is archived.",
                code="session_archived",
                hint=f"callboard session unarchive {session['session_id']}",
            )
        leading = self._leading(caller, request)
        external_runs.insert_resume(tx, leading, session)
        return leading.run_id

    def _continue(self, tx: Transaction, request: CreateExternalSession, live: Row) -> str:
        """The process that leads the conversation has started again, or asks twice."""
        bound = tx.one("open_binding", session_id=live["session_id"])
        if not is_external(live) or bound is None or bound["hostname"] != request.hostname:
            raise _in_use(request)
        run = _run(tx, live["run_id"])
        if not reconnect(tx, run, self._rules.external_lease_ms):
            tx.run(
                "renew_lease",
                run_id=run["run_id"],
                attempt=run["attempt"],
                lease_expires_at=tx.now_ms + self._rules.external_lease_ms,
            )
        return str(run["run_id"])

    def _leading(self, caller: Caller, request: CreateExternalSession) -> Leading:
        lease_ms = self._rules.external_lease_ms
        return Leading(request=request, caller=caller, run_id=self._ids.new(ids.RUN), lease_ms=lease_ms)

    def _give_token(self, tx: Transaction, run: Row) -> ExternalSession:
        revoke_session_tokens(tx, run["run_id"])
        secret = new_secret()
        tx.run(
            "insert_session_token",
            token_id=self._ids.new(ids.TOKEN),
            secret_hash=hash_of(secret),
            project_id=run["session_project_id"],
            session_id=run["session_id"],
            run_id=run["run_id"],
            attempt=run["attempt"],
            now=tx.now_ms,
        )
        return ExternalSession(session_id=run["session_id"], run_id=run["run_id"], session_token=secret)


def _check(caller: Caller, request: CreateExternalSession, agent_session_id: str | None) -> None:
    if not caller.may_write:
        raise Forbidden(
            f"{caller.kind_in_words} token may not report a conversation.", hint="Use a user's or an owner's token."
        )
    for value in (request.parent_session_id, agent_session_id):
        if value is not None:
            check_session_id(value)
    if not request.project_dir.startswith("/") or ".." in request.project_dir.split("/"):
        raise InvalidRequest(
            "project_dir must be an absolute path without '..'.",
            errors=[{"pointer": "/project_dir", "message": "not an absolute path without '..'"}],
        )


def _check_executor(tx: Transaction, executor_type: str) -> None:
    if executor_type in BUILT_IN_EXECUTORS:
        return
    offered = {name for row in tx.all("all_runners") for name in msgspec.json.decode(row["executor_types"])}
    if executor_type not in offered:
        known = ", ".join(sorted({*BUILT_IN_EXECUTORS, *offered}))
        raise InvalidRequest(
            f"There is no executor {executor_type!r}.", code="unknown_executor", hint=f"Known: {known}."
        )


def _known_session(tx: Transaction, caller: Caller, request: CreateExternalSession) -> Row | None:
    """The session that has this conversation; Conflict when it is not the caller's to continue."""
    owner = tx.one("owner_of_native_id", **native_id(request))
    if owner is None:
        return None
    session = tx.one("session_by_id", session_id=owner["session_id"])
    if session is None or not _may_continue(caller, session):
        raise _in_use(request)
    return session


def _may_continue(caller: Caller, session: Row) -> bool:
    """Ours may be continued by whoever may write to it, an external one only by its owner."""
    if not caller.sees_project(session["project_id"]):
        return False
    return not session["external"] or caller.is_owner or session["created_by"] == caller.token_id


def _in_use(request: CreateExternalSession) -> Conflict:
    return Conflict(
        f"The {request.executor_type} conversation {request.executor_session_id} belongs to another session.",
        code="executor_session_in_use",
        hint="Wait until its run has ended, or begin a new conversation.",
    )


def _parent(tx: Transaction, caller: Caller, session_id: str) -> Row:
    try:
        return visible_session(tx, caller, session_id)
    except NotFound:
        raise NotFound(
            f"There is no session {session_id} that could be the parent.",
            code="parent_not_found",
            hint="Leave parent_session_id out to start a root session.",
        ) from None


def _run(tx: Transaction, run_id: str) -> Row:
    run = tx.one("run_for_report", run_id=run_id)
    if run is None:
        raise RuntimeError(f"run {run_id} vanished inside a transaction")
    return run
