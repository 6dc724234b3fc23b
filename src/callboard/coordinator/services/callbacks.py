"""Callbacks on their way: looks at each session that has some waiting, and resumes it when it is idle.

Keeps nothing in memory: what is to be done is read from the rows, so a coordinator that dies between two steps is
followed by any other, and two that do the same step do it once.
"""

from functools import partial
from typing import Final

from callboard.coordinator.services import callback_changes
from callboard.coordinator.services.access import visible_session
from callboard.coordinator.services.callback_changes import STOPPED_SENTENCE
from callboard.coordinator.services.following_run import request_like
from callboard.coordinator.services.foreign_text import only_executed
from callboard.coordinator.services.lifecycle_changes import may_run, work_of
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.locking import lock_for_run
from callboard.coordinator.services.new_run import NewRun
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.rendering import render_callback
from callboard.coordinator.services.run_creation import create
from callboard.domain import ids
from callboard.domain.callback import CALLBACK, MAX_IN_ONE_PROMPT, PLACEHOLDER_PROMPT
from callboard.domain.caller import SYSTEM, Caller
from callboard.domain.errors import Conflict, InvalidRequest, NotFound
from callboard.domain.run import ENDED
from callboard.store.database import Database, Row, Transaction
from callboard.store.hints import CallbackDue, Hint, LookAgain, RunChanged
from callboard.wire.responses import Page
from callboard.wire.steering import Callback

GONE_SENTENCE: Final = "The session that was to be told does not exist any more."
ARCHIVED_SENTENCE: Final = "The session that was to be told is archived."
HALTED_SENTENCE: Final = "The work of the session is {lifecycle}; it is told this when that goes on."
NO_RUN_SENTENCE: Final = "The session that was to be told has no run of ours that could be followed by another."

SCRIPT_SENTENCE: Final = "The session's executor {!r} runs its prompt as a script, so that it is told no result."


class CallbackService:
    """Delivers callbacks, shows them, and delivers them again."""

    def __init__(self, database: Database, new_ids: ids.Ids, limits: TreeLimits) -> None:
        self._database = database
        self._ids = new_ids
        self._limits = limits

    def is_due(self, hints: list[Hint]) -> bool:
        """Whether a sweep should follow at once: a child or a session that waits for one has ended."""
        return any(
            isinstance(hint, CallbackDue | LookAgain) or (isinstance(hint, RunChanged) and hint.status in ENDED)
            for hint in hints
        )

    async def sweep_once(self) -> int:
        """Looks at the sessions with waiting callbacks, each in a transaction of its own; how many there were."""
        due = await self._database.read(lambda tx: tx.all("receivers_to_look_at"))
        for row in due:
            await self._database.write(partial(self._look_at, session_id=row["receiver_session_id"]))
        return len(due)

    def _look_at(self, tx: Transaction, session_id: str) -> None:
        lock_for_run(tx, session_id)
        session = tx.one("session_by_id", session_id=session_id)
        rows = tx.all("waiting_callbacks", session_id=session_id, limit=MAX_IN_ONE_PROMPT)
        _announce(tx, session, rows)
        obstacle = GONE_SENTENCE if session is None else ARCHIVED_SENTENCE if session["archived_at"] else None
        if session is None or obstacle:
            _end_all(tx, session, rows, "give_up", obstacle)
        elif _is_halted(tx, session):
            _end_all(tx, session, rows, "hold", HALTED_SENTENCE.format(lifecycle=session["lifecycle"]))
        elif session["callbacks_held"]:
            _end_all(tx, session, rows, "hold", STOPPED_SENTENCE)
        elif rows and not _is_busy(tx, session):
            self._resume(tx, session, rows)

    def _resume(self, tx: Transaction, session: Row, rows: list[Row]) -> None:
        """One resume run for all that waits; its prompt is written when it is claimed."""
        before = tx.one("run_by_id", run_id=session["latest_run_id"]) if session["latest_run_id"] else None
        if before is None:
            _end_all(tx, session, rows, "give_up", NO_RUN_SENTENCE)
            return
        if only_executed(tx, before["executor_type"]):
            _end_all(tx, session, rows, "give_up", SCRIPT_SENTENCE.format(before["executor_type"]))
            return
        made = create(tx, _resume_after(before), self._ids, self._limits)
        for row in rows:
            tx.run("carry_callback", callback_id=row["callback_id"], run_id=made.run_id)

    async def list(
        self, caller: Caller, *, status: str | None, session_id: str | None, page: str | None, limit: int
    ) -> Page:
        """Callbacks, newest first, of the sessions that the caller may see."""
        check_limit(limit)
        name = f"callbacks:{status or ''}:{session_id or ''}"
        before = read_mark(name, page, ids.CALLBACK + "_" + "z" * 26)
        filters = {
            "status": status or "",
            "session_id": session_id or "",
            "project_id": caller.project_id or "",
        }

        def work(tx: Transaction) -> Page:
            if session_id is not None:
                visible_session(tx, caller, session_id)
            rows = tx.all("callbacks_newest", before=before, limit=limit + 1, **filters)
            last = rows[limit - 1]["callback_id"] if len(rows) > limit else None
            return page_of(name, [render_callback(row) for row in rows[:limit]], limit, last)

        return await self._database.read(work)

    async def deliver(self, caller: Caller, callback_id: str) -> Callback:
        """Lets a held or undeliverable callback wait again. Conflict while it is on its way, or accepted."""
        if not ids.is_id(ids.CALLBACK, callback_id):
            raise InvalidRequest(f"{callback_id[:80]!r} is no id of a callback.", code="invalid_id")

        def work(tx: Transaction) -> Callback:
            row = tx.one("callback_by_id", callback_id=callback_id)
            if row is not None:
                tx.lock_session(row["receiver_session_id"])
                row = tx.one("callback_by_id", callback_id=callback_id)
            if row is None:
                raise NotFound(f"There is no callback {callback_id}.", code="callback_not_found")
            session = visible_session(tx, caller, row["receiver_session_id"])
            _check_deliverable(tx, row, session)
            tx.run("hold_callbacks", session_id=session["session_id"], held=0)
            callback_changes.move(tx, session, row, "deliver", tries=0, run_id=None)
            tx.hint(CallbackDue(session_id=session["session_id"]))
            return render_callback(tx.one("callback_by_id", callback_id=callback_id) or row)

        return await self._database.write(work)


def _is_halted(tx: Transaction, session: Row) -> bool:
    work = work_of(tx, session["session_id"]) if session["lifecycle"] is not None else None
    return work is not None and not may_run(work["lifecycle"], work["state"])


def _check_deliverable(tx: Transaction, row: Row, session: Row) -> None:
    if (row["status"], "deliver") not in CALLBACK.table:
        raise Conflict(
            f"{row['callback_id']} is {row['status']}.",
            code="callback_not_deliverable",
            hint="Only a callback that is held or undeliverable can be delivered again.",
        )
    if session["archived_at"] is not None:
        raise Conflict(
            f"{session['session_id']} is archived.",
            code="session_archived",
            hint=f"callboard session unarchive {session['session_id']}",
        )
    if _is_halted(tx, session):
        raise Conflict(
            f"The work on {session['handle']} is {session['lifecycle']}.",
            code="work_halted",
            hint="It goes with the next run of that work.",
        )


def _announce(tx: Transaction, session: Row | None, rows: list[Row]) -> None:
    for row in rows:
        if tx.run("announce_callback", callback_id=row["callback_id"]) and session is not None:
            callback_changes.tell(tx, session, row)


def _end_all(tx: Transaction, session: Row | None, rows: list[Row], event: str, why: str | None) -> None:
    for row in rows:
        callback_changes.move(tx, session, row, event, why=why)


def _is_busy(tx: Transaction, session: Row) -> bool:
    return bool(session["queued_runs"]) or tx.one("live_run_of_session", session_id=session["session_id"]) is not None


def _resume_after(run: Row) -> NewRun:
    """A run like the session's latest one, without a deadline for its wait in the queue."""
    return NewRun(
        request=request_like(run, PLACEHOLDER_PROMPT),
        prompt=PLACEHOLDER_PROMPT,
        caller=SYSTEM,
        trigger="callback",
        parent_session_id=run["caller_session_id"],
        executor_type=run["executor_type"],
        offered_executors=frozenset({run["executor_type"]}),
        no_match_ms=run["no_match_ms"],
    )
