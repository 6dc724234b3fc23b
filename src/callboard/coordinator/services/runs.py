"""Runs as people and agents see them: create, retry, read, list and wait."""

import asyncio

import msgspec

from callboard.coordinator.services.access import require_steering, visible_run, visible_session
from callboard.coordinator.services.agents_of_runs import render_agent_of_run
from callboard.coordinator.services.fleet import Fleet
from callboard.coordinator.services.following_run import retry_of
from callboard.coordinator.services.forks import fork_of
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.locking import lock_family, lock_for_run, lock_run
from callboard.coordinator.services.new_run import NewRun, proven_parent
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.rendering import render_run
from callboard.coordinator.services.run_changes import is_ended
from callboard.coordinator.services.run_creation import create
from callboard.coordinator.services.run_lists import shown_runs
from callboard.coordinator.services.run_requests import (
    check_request,
    check_run_id,
    check_session_id,
    named_executor,
    valid_traceparent,
)
from callboard.coordinator.services.signals import Signals, run_key
from callboard.coordinator.services.usage import usage_of_run
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, InvalidRequest, NotFound
from callboard.domain.idempotency import Idempotency
from callboard.domain.ids import SESSION, Ids, is_id
from callboard.domain.run import STATUSES
from callboard.domain.runner import LeaseRules
from callboard.domain.text import MAX_PROMPT_BYTES, check_text
from callboard.store.database import Database, Row, Transaction
from callboard.store.idempotency import remember, remembered
from callboard.wire.agents import AgentOfRun
from callboard.wire.requests import CreateRun, ForkSession
from callboard.wire.responses import Page, Run, RunCreated

MAX_WAIT_SECONDS = 600.0
LOOK_AGAIN_SECONDS = 1.0
"""The slow poll behind the wake-ups."""


class RunService:
    """Runs of all sessions."""

    def __init__(
        self,
        database: Database,
        fleet: Fleet,
        signals: Signals,
        ids: Ids,
        rules: LeaseRules,
        limits: TreeLimits,
        default_executor_type: str,
        portable: bool = False,
    ) -> None:
        self._database = database
        self._fleet = fleet
        self._signals = signals
        self._ids = ids
        self._rules = rules
        self._limits = limits
        self._default_executor_type = default_executor_type
        self._portable = portable

    async def create(
        self,
        caller: Caller,
        request: CreateRun,
        agent_session_id: str | None,
        traceparent: str | None,
        idempotency: Idempotency | None,
    ) -> RunCreated:
        """A new run, and a new session unless it is a resume; refuses before anything is created."""
        parent = proven_parent(caller, request.parent_session_id, _session_header(agent_session_id))
        check_request(request)
        new = NewRun(
            request=request,
            prompt=request.prompt or "",
            caller=caller,
            parent_session_id=parent,
            executor_type=named_executor(request) or self._default_executor_type,
            offered_executors=await self._offered(),
            no_match_ms=self._rules.no_match_ms,
            portable=self._portable,
            traceparent=valid_traceparent(traceparent),
        )
        return await self._database.write(lambda tx: self._create(tx, new, idempotency))

    def _create(self, tx: Transaction, new: NewRun, idempotency: Idempotency | None) -> RunCreated:
        _lock(tx, new)
        if answered := remembered(tx, idempotency):
            return msgspec.json.decode(answered, type=RunCreated)
        created = create(tx, new, self._ids, self._limits)
        remember(tx, idempotency, 201, msgspec.json.encode(created))
        return created

    async def _offered(self) -> frozenset[str]:
        """The executors that registered runners offer."""
        runners = await self._fleet.all()
        return frozenset(name for runner in runners for name in runner.offer.executor_types)

    async def retry(self, caller: Caller, run_id: str, idempotency: Idempotency | None) -> RunCreated:
        """A new run of the same session with the same work; Conflict unless the run has ended."""
        check_run_id(run_id)
        offered = await self._offered()

        def work(tx: Transaction) -> RunCreated:
            lock_run(tx, run_id, with_pool=True)
            run = visible_run(tx, caller, run_id)
            session = tx.one("session_by_id", session_id=run["session_id"]) or {}
            require_steering(tx, caller, session)
            if not is_ended(run):
                raise Conflict(
                    f"{run_id} is {run['status']}.", code="run_not_retryable", hint="Stop it first, or wait."
                )
            new = retry_of(tx, run, caller, offered)
            return self._create(tx, new, idempotency)

        return await self._database.write(work)

    async def fork(
        self, caller: Caller, session_id: str, asked: ForkSession, idempotency: Idempotency | None
    ) -> RunCreated:
        """A new session that is told what this one was asked and answered until now."""
        check_session_id(session_id)
        check_text(asked.prompt, "/prompt", limit_bytes=MAX_PROMPT_BYTES, empty=False)
        offered = await self._offered()

        def work(tx: Transaction) -> RunCreated:
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=RunCreated)
            session = visible_session(tx, caller, session_id)
            new = fork_of(tx, session, asked, caller, offered=offered, no_match_ms=self._rules.no_match_ms)
            return self._create(tx, msgspec.structs.replace(new, portable=self._portable), idempotency)

        return await self._database.write(work)

    async def get(self, caller: Caller, run_id: str) -> Run:
        """One run with its own result."""
        check_run_id(run_id)

        def work(tx: Transaction) -> Run:
            return render_run(visible_run(tx, caller, run_id), usage_of_run(tx, run_id))

        return await self._database.read(work)

    async def agent(self, caller: Caller, run_id: str) -> AgentOfRun:
        """The agent as the run keeps it; NotFound when it was begun without one."""
        check_run_id(run_id)
        return await self._database.read(lambda tx: render_agent_of_run(visible_run(tx, caller, run_id)))

    async def list(
        self,
        caller: Caller,
        *,
        status: str | None,
        session_id: str | None,
        runner_id: str | None,
        page: str | None,
        limit: int,
    ) -> Page:
        """Runs, newest first; what the caller may not see is left out."""
        if status is not None and status not in STATUSES:
            raise InvalidRequest(
                f"{status!r} is no status of a run.", errors=[{"pointer": "/status", "message": f"one of {STATUSES}"}]
            )
        if session_id is not None:
            check_session_id(session_id)
        mark = read_mark("runs", page, "run_~")
        check_limit(limit)

        def work(tx: Transaction) -> Page:
            rows = _rows(
                tx, mark, limit + 1, status=status or "", session_id=session_id or "", runner_id=runner_id or ""
            )
            shown = [row for row in rows[:limit] if _shows(tx, caller, row)]
            items = shown_runs(tx, shown)
            return page_of("runs", items, limit, rows[limit - 1]["run_id"] if len(rows) > limit else None)

        return await self._database.read(work)

    async def wait(self, caller: Caller, run_id: str, timeout_seconds: float) -> Run:
        """The run as soon as it has ended, or as it is when the time is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(max(timeout_seconds, 0.0), MAX_WAIT_SECONDS)
        with self._signals.listen(run_key(run_id)) as event:
            while True:
                event.clear()
                run = await self.get(caller, run_id)
                left = deadline - loop.time()
                if run.ended_at is not None or left <= 0:
                    return run
                try:
                    await asyncio.wait_for(event.wait(), min(left, LOOK_AGAIN_SECONDS))
                except TimeoutError:
                    continue


def _lock(tx: Transaction, new: NewRun) -> None:
    """Before anything is read, the earlier answer too: a repeat that had to wait must not be refused for the first."""
    if new.request.type == "resume_session":
        lock_for_run(tx, new.request.session_id or "")
    elif new.parent_session_id is not None:
        lock_family(tx, new.parent_session_id, with_pool=True)


def _session_header(value: str | None) -> str | None:
    if value is not None and not is_id(SESSION, value):
        raise InvalidRequest("X-Agent-Session-Id is not an id of the form ses_….", code="invalid_id")
    return value


def _rows(tx: Transaction, mark: str, limit: int, *, status: str, session_id: str, runner_id: str) -> list[Row]:
    if session_id and not runner_id:
        return tx.all("list_runs_of_session", session_id=session_id, before=mark, status=status, limit=limit)
    if status and not runner_id:
        return tx.all("list_runs_by_status", status=status, before=mark, limit=limit)
    return tx.all("list_runs", status=status, session_id=session_id, runner_id=runner_id, before=mark, limit=limit)


def _shows(tx: Transaction, caller: Caller, row: Row) -> bool:
    if caller.kind in ("owner", "user", "browser", "read_only") and caller.project_id is None:
        return True
    try:
        visible_run(tx, caller, row["run_id"])
    except NotFound:
        return False
    return True
