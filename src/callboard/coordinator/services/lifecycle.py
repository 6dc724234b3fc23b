"""The lifecycle of work: what its worker reports, what people do, the guidance that they give; who may is decided here.

What a report or an action leads to is in domain.lifecycle.
"""

from functools import partial
from typing import Final

import msgspec

from callboard.coordinator.services import callback_changes, guidance_changes, run_changes, state_files, work_runs
from callboard.coordinator.services.access import visible_session
from callboard.coordinator.services.following_run import request_like
from callboard.coordinator.services.lifecycle_changes import REPORT, By, change, work_of
from callboard.coordinator.services.limits import TreeLimits, WorkRules
from callboard.coordinator.services.locking import lock_for_run
from callboard.coordinator.services.messages import listening_run
from callboard.coordinator.services.new_run import NewRun
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.run_creation import create
from callboard.coordinator.services.run_requests import check_session_id
from callboard.coordinator.services.session_lists import show_session
from callboard.coordinator.services.work_changes import abandon
from callboard.coordinator.services.work_standing import standing_of
from callboard.coordinator.services.worker_contexts import short_prompt
from callboard.domain import ids
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden, InvalidRequest
from callboard.domain.idempotency import Idempotency
from callboard.domain.lifecycle import ENDED, UNDER_WAY, IllegalMove, moved
from callboard.domain.text import check_text
from callboard.domain.work_step import let_go_on
from callboard.store.database import Database, Row, Transaction
from callboard.store.idempotency import remember, remembered
from callboard.wire.responses import Page, Session
from callboard.wire.times import rfc3339
from callboard.wire.work import ChangeLifecycle, Guidance

_WITH_TEXT: Final = ("forward", "resume", "restart")
_OF_WORKER: Final = ("heartbeat",)
"""Actions of a worker itself."""
_CUT_OFF: Final = ("failed", "stopped")


class LifecycleService:
    """The lifecycle of all work sessions."""

    def __init__(self, database: Database, new_ids: ids.Ids, limits: TreeLimits, rules: WorkRules) -> None:
        self._database = database
        self._ids = new_ids
        self._limits = limits
        self._rules = rules

    async def change(
        self, caller: Caller, session_id: str, request: ChangeLifecycle, idempotency: Idempotency | None
    ) -> Session:
        """The session after a report or an action. Conflict `illegal_move` names what is legal."""
        check_session_id(session_id)
        _check(request)

        def locked(tx: Transaction) -> Session:
            lock_for_run(tx, session_id)
            session = visible_session(tx, caller, session_id)
            _check_caller(caller, session, request)
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=Session)
            self._change(tx, caller, _work(tx, session), request)
            shown = show_session(tx, session_id)
            remember(tx, idempotency, 200, msgspec.json.encode(shown))
            return shown

        return await self._database.write(locked)

    def _change(self, tx: Transaction, caller: Caller, work: Row, request: ChangeLifecycle) -> None:
        to = _moved(tx, work, request)
        if request.report is not None:
            self._report(tx, caller, work, request, to)
        elif request.action == "heartbeat":
            tx.run("note_worker_heartbeat", session_id=work["session_id"], now=tx.now_ms)
        else:
            self._act(tx, caller, work, request, to)

    def _report(self, tx: Transaction, caller: Caller, work: Row, request: ChangeLifecycle, to: str) -> None:
        session_id = work["session_id"]
        live = tx.one("live_run_of_session", session_id=session_id)
        if to == "complete" and _by(caller) == "worker" and tx.one("task_at_work", session_id=session_id):
            to = work["lifecycle"]  # when a task is complete, its checks say
        else:
            work = change(tx, work, to, by=_by(caller), reason=request.reason)
        tx.run("note_report", session_id=session_id, run_id=caller.run_id or (live["run_id"] if live else None))
        tx.run("note_worker_heartbeat", session_id=session_id, now=tx.now_ms)
        if request.pull_request_url is not None:
            tx.run("note_pull_request", session_id=session_id, pull_request_url=request.pull_request_url)
            state_files.write(tx, session_id, self._ids)
        if to == "stuck":
            work_runs.halt(tx, work, reporting_run_id=caller.run_id, grace_ms=self._rules.halt_ms)
        elif to in ENDED:
            work_runs.end_waiting(tx, work)
            abandon(tx, work, self._ids)

    def _act(self, tx: Transaction, caller: Caller, work: Row, request: ChangeLifecycle, to: str) -> None:
        if request.text is not None:
            live = listening_run(tx, caller, work["session_id"]) if request.action == "forward" else None
            work = guidance_changes.give(tx, work, request.text, caller, self._ids, live)
        if request.action == "forward":
            return
        if request.action == "delete" and work["state"] not in ("undone", "removed") and not request.keep_worktree:
            raise Conflict(
                f"The worktree of {work['handle']} is {work['state']}.",
                code="worktree_present",
                hint="Remove it first (callboard delete does both), or keep it with keep_worktree.",
            )
        work = change(tx, work, to, by=_by(caller), reason=request.reason)
        if to in UNDER_WAY:
            self._go_on(tx, caller, work, asked=request.action == "restart" or request.text is not None)
            callback_changes.let_go(tx, work["session_id"])
            return
        work_runs.halt(tx, work, reporting_run_id=caller.run_id, grace_ms=self._rules.halt_ms)
        if to in ENDED:
            work_runs.end_waiting(tx, work)
            abandon(tx, work, self._ids)
        if to == "deleted":
            tx.run("archive_session", session_id=work["session_id"], archived_at=tx.now_ms, now=tx.now_ms)

    def _go_on(self, tx: Transaction, caller: Caller, work: Row, *, asked: bool) -> None:
        """The run that waits is offered; without one a new run begins if somebody asked for it or one was cut off."""
        session_id = work["session_id"]
        live = tx.one("live_run_of_session", session_id=session_id)
        if tx.all("waiting_runs_of_session", session_id=session_id):
            if live is None:
                run_changes.refresh_session(tx, session_id)
            return
        last = tx.one("last_ended_run", session_id=session_id)
        ending = live is not None and work["halted_run_id"] == live["run_id"]
        cut_off = last is not None and last["status"] in _CUT_OFF
        if asked or ending or (live is None and (cut_off or tx.one("task_at_work", session_id=session_id))):
            create(tx, self._next_run(tx, caller, work), self._ids, self._limits)
        elif live is None and _waits_for_report(tx, work, last):
            tx.run("wait_for", session_id=session_id, waiting_for=REPORT)

    def _next_run(self, tx: Transaction, caller: Caller, work: Row) -> NewRun:
        """A run like the latest one; what it is told is written when it is claimed."""
        latest = tx.all("run_by_id", run_id=work["latest_run_id"])[0]
        prompt = short_prompt(one["number"] for one in msgspec.json.decode(work["issues"]))
        return NewRun(
            request=request_like(latest, prompt),
            prompt=prompt,
            caller=caller,
            trigger="user",
            parent_session_id=None,
            executor_type=latest["executor_type"],
            offered_executors=frozenset({latest["executor_type"]}),
            no_match_ms=latest["no_match_ms"],
        )

    async def guidance(self, caller: Caller, session_id: str, *, page: str | None, limit: int) -> Page:
        """All guidance that was given, newest first."""
        check_session_id(session_id)
        check_limit(limit)
        name = f"guidance:{session_id}"
        before = read_mark(name, page, ids.GUIDANCE + "_" + "z" * 26)

        def work(tx: Transaction) -> Page:
            current = _work(tx, visible_session(tx, caller, session_id))["guidance_id"]
            rows = tx.all("guidance_newest", session_id=session_id, before=before, limit=limit + 1)
            last = rows[limit - 1]["guidance_id"] if len(rows) > limit else None
            return page_of(name, [_shown(row, current) for row in rows[:limit]], limit, last)

        return await self._database.read(work)

    async def sweep_once(self) -> int:
        """Ends the runs of halted work whose moment is over; the number of them."""
        due = await self._database.read(lambda tx: tx.all("runs_to_halt", now=tx.now_ms))
        ended = [
            await self._database.write(partial(work_runs.halt_when_due, session_id=row["session_id"])) for row in due
        ]
        return sum(ended)


def _waits_for_report(tx: Transaction, work: Row, last: Row | None) -> bool:
    """Whether idle work waits for a person as it did before its pause."""
    if last is None or last["status"] != "completed":
        return False
    session = tx.one("session_by_id", session_id=work["session_id"]) or {}
    return session.get("milestone_id") is not None or work["reported_run_id"] != last["run_id"]


def _by(caller: Caller) -> By:
    return "worker" if caller.kind == "session" else "person"


def _work(tx: Transaction, session: Row) -> Row:
    work = work_of(tx, session["session_id"])
    if work is None:
        raise Conflict(
            f"{session['session_id']} works on no issue.",
            code="not_work",
            hint="`callboard spawn` begins work on issues.",
        )
    return work


def _moved(tx: Transaction, work: Row, request: ChangeLifecycle) -> str:
    move = request.report or request.action or ""
    try:
        return moved(work["lifecycle"], move, work["lifecycle_before"])
    except IllegalMove as refused:
        stands = standing_of(tx, work["session_id"])
        raise Conflict(
            f"{work['handle']}: {refused}.",
            code="illegal_move",
            hint=let_go_on(stands) if stands else "",
            errors=[{"lifecycle": work["lifecycle"], "move": move, "legal": refused.legal}],
        ) from None


def _check_caller(caller: Caller, session: Row, request: ChangeLifecycle) -> None:
    """People may do all; a worker reports of its own work, with the token of its own run."""
    if caller.may_write:
        return
    own = caller.kind == "session" and caller.session_id == session["session_id"]
    if own and (request.report is not None or request.action in _OF_WORKER):
        return
    raise Forbidden(
        f"This {caller.kind} token may not change the lifecycle of {session['session_id']} so.",
        hint="A session token reports, and sends heartbeats, of its own work; the rest is for people.",
    )


def _check(request: ChangeLifecycle) -> None:
    if (request.report is None) == (request.action is None):
        raise InvalidRequest(
            "Give exactly one of report and action.",
            errors=[{"pointer": "/report", "message": "exactly one of report and action"}],
        )
    if request.report == "stuck" and not (request.reason or "").strip():
        raise InvalidRequest(
            "stuck needs a reason: what a person has to decide.",
            errors=[{"pointer": "/reason", "message": "missing"}],
        )
    if (request.action == "forward") and request.text is None:
        raise InvalidRequest("forward needs a text.", errors=[{"pointer": "/text", "message": "missing"}])
    if request.text is not None and request.action not in _WITH_TEXT:
        raise InvalidRequest(
            f"Guidance goes with {', '.join(_WITH_TEXT)}.", errors=[{"pointer": "/text", "message": "not allowed here"}]
        )
    _check_texts(request)


def _check_texts(request: ChangeLifecycle) -> None:
    if request.text is not None:
        check_text(request.text, "/text", empty=False)
    if request.reason is not None:
        check_text(request.reason, "/reason")
    url = request.pull_request_url
    if url is None:
        return
    if not url.startswith(("https://", "http://")) or any(one.isspace() or not one.isprintable() for one in url):
        raise InvalidRequest(
            "pull_request_url is no address of a page.",
            errors=[{"pointer": "/pull_request_url", "message": "http(s)://…"}],
        )
    if request.report is None:
        raise InvalidRequest(
            "pull_request_url goes with a report.",
            errors=[{"pointer": "/pull_request_url", "message": "not allowed here"}],
        )


def _shown(row: Row, current: str | None) -> Guidance:
    return Guidance(
        guidance_id=row["guidance_id"],
        text=row["text"],
        created_by=row["created_by"],
        created_by_label=row["created_by_label"],
        created_at=rfc3339(row["created_at"]),
        current=row["guidance_id"] == current,
        message_status=row["message_status"],
    )
