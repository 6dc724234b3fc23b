"""Sessions as people and agents read and keep them: lists, trees, results, titles, the archive. Starts no runs."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec

from callboard.coordinator.services.access import visible_session
from callboard.coordinator.services.affinity import affinity_of
from callboard.coordinator.services.import_log import LogLines, events_of_log, import_log
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.portability import stays
from callboard.coordinator.services.rendering import render_binding
from callboard.coordinator.services.run_changes import is_external
from callboard.coordinator.services.run_lists import shown_runs
from callboard.coordinator.services.run_requests import check_session_id
from callboard.coordinator.services.session_lists import SessionQuery, check_query, list_sessions, show_session
from callboard.coordinator.services.tree import read_tree
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden, NotFound
from callboard.domain.event import SESSION_UPDATED
from callboard.domain.idempotency import Idempotency
from callboard.domain.ids import Ids
from callboard.domain.portability import STAYS
from callboard.domain.run import ENDED
from callboard.store.database import Database, Row, T, Transaction
from callboard.store.events import NewEvent, append
from callboard.store.hints import TokenRevoked
from callboard.store.idempotency import remember, remembered
from callboard.wire.affinity import Affinity, KeptTranscript
from callboard.wire.requests import UpdateSession
from callboard.wire.responses import Page, Result, Session, Tree
from callboard.wire.times import rfc3339, rfc3339_or_none

_DELETES = (
    "usage",
    "attempts",
    "tokens",
    "events",
    "transcript_parts",
    "transcripts",
    "native_ids",
    "bindings",
    "callbacks",
    "approvals",
    "messages",
    "jobs",
    "guidance",
    "active_issues",
    "session_issues",
    "work_sessions",
    "budgets",
    "task_work",
    "task_runs",
    "runs",
)
"""What goes before the session itself, in the order that foreign keys want."""


class SessionService:
    """All sessions."""

    def __init__(self, database: Database, ids: Ids) -> None:
        self._database = database
        self._ids = ids

    async def get(self, caller: Caller, session_id: str) -> Session:
        """One session."""
        return await self._read(caller, session_id, lambda tx, _: show_session(tx, session_id))

    async def list(self, caller: Caller, **query: Any) -> Page:
        """A page of sessions, newest first; the arguments are the fields of SessionQuery."""
        asked = SessionQuery(**query)
        check_query(asked)
        return await self._database.read(lambda tx: list_sessions(tx, caller, asked))

    async def tree(self, caller: Caller, session_id: str) -> Tree:
        """The session and all below it."""
        return await self._read(caller, session_id, read_tree)

    async def bindings(self, caller: Caller, session_id: str, *, page: str | None = None, limit: int = 50) -> Page:
        """The session's bindings, newest first."""
        check_limit(limit)
        before = int(read_mark(f"bindings:{session_id}", page, str(2**53)))

        def work(tx: Transaction, session: Row) -> Page:
            rows = tx.all("bindings_of_session", session_id=session["session_id"], before=before, limit=limit + 1)
            last = str(rows[limit - 1]["generation"]) if len(rows) > limit else None
            return page_of(f"bindings:{session_id}", [render_binding(row) for row in rows[:limit]], limit, last)

        return await self._read(caller, session_id, work)

    async def runs(self, caller: Caller, session_id: str, *, page: str | None = None, limit: int = 50) -> Page:
        """The session's runs, newest first."""
        check_limit(limit)
        before = read_mark(f"runs:{session_id}", page, "run_" + "z" * 26)

        def work(tx: Transaction, session: Row) -> Page:
            rows = tx.all(
                "list_runs_of_session", session_id=session["session_id"], before=before, status="", limit=limit + 1
            )
            items = shown_runs(tx, rows[:limit])
            last = rows[limit - 1]["run_id"] if len(rows) > limit else None
            return page_of(f"runs:{session_id}", items, limit, last)

        return await self._read(caller, session_id, work)

    async def affinity(self, caller: Caller, session_id: str) -> Affinity:
        """Where a resume of the session must run."""
        return await self._read(caller, session_id, _affinity)

    async def result(self, caller: Caller, session_id: str) -> Result:
        """The result of the latest run. Conflict while it has not ended, NotFound when it ended without one."""
        return await self._read(caller, session_id, _result)

    async def update(self, caller: Caller, session_id: str, request: UpdateSession) -> Session:
        """Writes title and labels; what is absent stays."""

        def work(tx: Transaction, session: Row) -> Session:
            changes = {name: value for name, value in _changes(request).items() if value != _present(session, name)}
            if changes:
                described = {name: changes.get(name, _present(session, name)) for name in ("title", "labels")}
                tx.run(
                    "describe_session",
                    session_id=session_id,
                    title=described["title"],
                    labels=json.dumps(described["labels"]),
                    now=tx.now_ms,
                )
                _tell(tx, session, changes)
            return show_session(tx, session_id)

        return await self._change(caller, session_id, work)

    async def archive(self, caller: Caller, session_id: str) -> Session:
        """Puts an idle session away: it is still read, and not resumed. Conflict while it has work."""
        return await self._change(caller, session_id, lambda tx, session: _put_away(tx, session, archived=True))

    async def unarchive(self, caller: Caller, session_id: str) -> Session:
        """Takes a session out of the archive."""
        return await self._change(caller, session_id, lambda tx, session: _put_away(tx, session, archived=False))

    async def delete(self, caller: Caller, session_id: str) -> None:
        """Removes a session and all that was kept of it. Conflict while it has children or work."""
        await self._change(caller, session_id, _delete)

    async def import_log(self, caller: Caller, lines: LogLines, idempotency: Idempotency | None = None) -> Session:
        """A finished, archived session that holds the events of an old log."""
        _check_writer(caller)
        # A long log takes a second to read: neither the loop nor the writer waits for that.
        events = await asyncio.to_thread(events_of_log, lines)

        def work(tx: Transaction) -> Session:
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=Session)
            made = show_session(tx, import_log(tx, caller, events, self._ids))
            remember(tx, idempotency, 201, msgspec.json.encode(made))
            return made

        return await self._database.write(work)

    async def _read(self, caller: Caller, session_id: str, work: Callable[[Transaction, Row], T]) -> T:
        check_session_id(session_id)
        return await self._database.read(lambda tx: work(tx, visible_session(tx, caller, session_id)))

    async def _change(self, caller: Caller, session_id: str, work: Callable[[Transaction, Row], T]) -> T:
        check_session_id(session_id)
        _check_writer(caller)

        def locked(tx: Transaction) -> T:
            tx.lock_session(session_id)
            return work(tx, visible_session(tx, caller, session_id))

        return await self._database.write(locked)


def _check_writer(caller: Caller) -> None:
    if not caller.may_write:
        raise Forbidden(
            f"{caller.kind_in_words} token may not change what people keep.", hint="Use a user's or an owner's token."
        )


def _affinity(tx: Transaction, session: Row) -> Affinity:
    binding = tx.one("open_binding", session_id=session["session_id"])
    place = affinity_of(session, binding, session["executor_type"] or "")
    carried = binding if session["context"] == "persistent" else None
    return Affinity(
        session_id=session["session_id"],
        hostname=place.hostname if place else None,
        project_dir=place.project_dir if place else None,
        executor_type=carried["executor_type"] if carried else None,
        executor_session_id=carried["executor_session_id"] if carried else None,
        portable=bool(session["portable"]),
        transcript=_transcript(tx, session),
        stays=STAYS[why] if place and session["portable"] and (why := stays(tx, session)) else None,
    )


def _transcript(tx: Transaction, session: Row) -> KeptTranscript | None:
    kept = tx.one("transcript_of_session", session_id=session["session_id"])
    if kept is None or kept["stored_at"] is None:
        return None
    return KeptTranscript(size_bytes=kept["size_bytes"], run_id=kept["run_id"], stored_at=rfc3339(kept["stored_at"]))


def _result(tx: Transaction, session: Row) -> Result:
    run = tx.one("run_by_id", run_id=session["latest_run_id"])
    if run is None:
        raise NotFound(f"{session['session_id']} has no run yet.", code="result_not_found")
    if run["status"] not in ENDED:
        raise Conflict(
            f"The latest run {run['run_id']} is {run['status']}.",
            code="run_not_finished",
            hint=f"Wait for it (callboard wait {run['run_id']}), or read an earlier run's own result.",
        )
    if run["result_text"] is None and run["result_data"] is None:
        raise NotFound(
            f"The latest run {run['run_id']} ended ({run['reason']}) without a result.", code="result_not_found"
        )
    return Result(
        session_id=session["session_id"],
        run_id=run["run_id"],
        status=run["status"],
        result_text=run["result_text"],
        result_data=None if run["result_data"] is None else json.loads(run["result_data"]),
    )


def _changes(request: UpdateSession) -> dict[str, Any]:
    asked = {"title": request.title, "labels": request.labels}
    return {name: value for name, value in asked.items() if value is not msgspec.UNSET}


def _present(session: Row, name: str) -> Any:
    return json.loads(session["labels"]) if name == "labels" else session[name]


def _tell(tx: Transaction, session: Row, changes: dict[str, Any]) -> None:
    append(
        tx,
        session["session_id"],
        session["root_session_id"],
        [NewEvent(type=SESSION_UPDATED, payload=msgspec.json.encode(changes))],
        run_id=None,
        attempt=None,
    )


def _check_idle(tx: Transaction, session: Row) -> None:
    live = tx.one("live_run_of_session", session_id=session["session_id"])
    if live is not None or session["queued_runs"]:
        state = live["status"] if live else "pending"
        raise Conflict(
            f"{session['session_id']} has a run that is {state}.",
            code="session_busy",
            hint="Another process leads it: end the conversation there, or wait until its lease is over."
            if live is not None and is_external(live)
            else f"Stop it first: callboard stop {session['session_id']}",
        )


def _check_no_worktree(tx: Transaction, session: Row) -> None:
    work = None if session["handle"] is None else tx.one("work_session", session_id=session["session_id"])
    if work is not None and work["state"] in ("preparing", "prepared", "undoing"):
        raise Conflict(
            f"{session['session_id']} has a worktree on the branch {work['branch']}.",
            code="worktree_present",
            hint=f"Delete that first: callboard delete {session['session_id']}",
        )


def _put_away(tx: Transaction, session: Row, *, archived: bool) -> Session:
    if archived != (session["archived_at"] is not None):
        if archived:
            _check_idle(tx, session)
        at = tx.now_ms if archived else None
        tx.run("archive_session", session_id=session["session_id"], archived_at=at, now=tx.now_ms)
        _tell(tx, session, {"archived_at": rfc3339_or_none(at)})
    return show_session(tx, session["session_id"])


def _delete(tx: Transaction, session: Row) -> None:
    session_id = session["session_id"]
    child = tx.one("has_children", session_id=session_id)
    if child is not None:
        raise Conflict(
            f"{session_id} has children, {child['session_id']} among them.",
            code="session_has_children",
            hint="Delete the children first, or archive the session.",
        )
    _check_idle(tx, session)
    if tx.one("open_callback_of_child", session_id=session_id) is not None:
        raise Conflict(
            f"The end of {session_id} has not reached the session that waits for it.",
            code="callback_waiting",
            hint="Wait until it has, or archive the session.",
        )
    _check_no_worktree(tx, session)
    for token in tx.all("working_tokens_of_session", session_id=session_id):
        tx.hint(TokenRevoked(token_id=token["token_id"]))
    for room in _DELETES:
        tx.run(f"delete_{room}_of_session", session_id=session_id)
    tx.run("delete_session", session_id=session_id)
