"""Tasks: issues that are worked on until their checks pass. What follows on an iteration is in task_loop."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog

from callboard.coordinator.services import run_changes, task_loop, task_records, task_runs, work_runs
from callboard.coordinator.services.lifecycle_changes import work_of
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.locking import lock_for_run
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.projects import find_project
from callboard.coordinator.services.spawn import SpawnService
from callboard.coordinator.services.task_rendering import render_task
from callboard.coordinator.services.task_settings import (
    AT_WORK,
    can_be_started,
    check_dependencies,
    check_rights,
    find_task,
    says_nothing,
    set_task,
)
from callboard.coordinator.services.work_creation import NewWork, reserve
from callboard.domain.caller import Caller
from callboard.domain.errors import CallboardError, Conflict
from callboard.domain.idempotency import Idempotency
from callboard.domain.ids import Ids
from callboard.domain.lifecycle import ENDED, UNDER_WAY
from callboard.store.database import ConstraintFailed, Database, Row, Transaction
from callboard.store.idempotency import remember, remembered
from callboard.wire.responses import Page
from callboard.wire.tasks import RunTask, SetAndRunTask, SetTask, Task, TaskStarted
from callboard.wire.work import HowToWork, Spawn, Spawned

SHORT: Final = 8
"""Characters of a session's short id, from its end: the beginning is the time."""
_NEWEST: Final = task_runs.NEWEST
_LOG = structlog.get_logger(__name__)


class TaskService:
    """All tasks."""

    def __init__(self, database: Database, ids: Ids, limits: TreeLimits, spawns: SpawnService) -> None:
        self._database = database
        self._ids = ids
        self._limits = limits
        self._spawns = spawns

    async def set(self, caller: Caller, request: SetTask) -> Task:
        """How an issue is worked on; what is given is changed. NotFound, Conflict, Forbidden for checks as text."""
        check_rights(caller, request)

        def work(tx: Transaction) -> Task:
            project = find_project(tx, caller, request.project_id)
            return render_task(tx, set_task(tx, self._ids, project, request))

        return await self._database.write(work)

    async def get(self, caller: Caller, task_id: str) -> Task:
        """One task. NotFound."""
        return await self._database.read(lambda tx: render_task(tx, find_task(tx, caller, task_id)))

    async def list(
        self,
        caller: Caller,
        *,
        project_id: str | None,
        milestone_id: str | None,
        number: int | None,
        page: str | None,
        limit: int,
    ) -> Page:
        """Tasks, newest first."""
        check_limit(limit)
        before = read_mark("tasks", page, _NEWEST)
        asked = {"milestone_id": milestone_id or "", "number": number or 0, "limit": limit + 1}

        def work(tx: Transaction) -> Page:
            if caller.project_id is not None and project_id not in (None, caller.project_id):
                return page_of("tasks", [], limit, None)
            rows = tx.all("list_tasks", before=before, project_id=caller.project_id or project_id or "", **asked)
            last = rows[limit - 1]["task_id"] if len(rows) > limit else None
            return page_of("tasks", [render_task(tx, row) for row in rows[:limit]], limit, last)

        return await self._database.read(work)

    async def run(self, caller: Caller, task_id: str, request: RunTask, idempotency: Idempotency | None) -> TaskStarted:
        """Works on the task: in its milestone's session where that is open, else in a temporary one of its own."""
        return await self._begin(caller, request, idempotency, lambda _: task_id)

    async def set_and_run(self, caller: Caller, request: SetAndRunTask, idempotency: Idempotency | None) -> TaskStarted:
        """Sets what is said of the task and works on it, in one transaction: a refusal changes nothing."""
        said = request.task
        check_rights(caller, said)

        def wanted(tx: Transaction) -> str:
            project = find_project(tx, caller, said.project_id)
            known = tx.one("task_by_number", project_id=project["project_id"], number=said.number)
            # Of which nothing is said is not touched, so that it can be tried once more while its milestone is open.
            task = known if known and says_nothing(said) else set_task(tx, self._ids, project, said)
            return str(task["task_id"])

        return await self._begin(caller, request, idempotency, wanted)

    async def _begin(
        self,
        caller: Caller,
        request: RunTask,
        idempotency: Idempotency | None,
        wanted: Callable[[Transaction], str],
    ) -> TaskStarted:
        spawn = as_spawn(request, [])
        self._spawns.check(spawn)
        offered = await self._spawns.offered()

        def work(tx: Transaction) -> TaskStarted:
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=TaskStarted)
            started = self._run(tx, caller, wanted(tx), spawn, offered)
            remember(tx, idempotency, 201, msgspec.json.encode(started))
            return started

        started = await self._database.write(work)
        if started.milestone_id is None:
            _LOG.info("temporary_session", session=started.session_id[-SHORT:], task_id=started.task_id)
        return started

    def _run(self, tx: Transaction, caller: Caller, task_id: str, spawn: Spawn, offered: frozenset[str]) -> TaskStarted:
        task = find_task(tx, caller, task_id)
        milestone = tx.one("milestone_by_id", milestone_id=task["milestone_id"]) if task["milestone_id"] else None
        if milestone is not None and milestone["state"] in AT_WORK and not can_be_started(tx, milestone):
            return self._in_milestone(tx, milestone, task_id)
        check_dependencies(tx, task, set())
        project = find_project(tx, caller, task["project_id"])
        asked = msgspec.structs.replace(spawn, issues=[task["number"]])
        new = as_task(self._spawns.new_work(caller, project, asked, offered), task["context"])
        spawned = reserve(tx, self._ids, self._limits, new)
        session_id = spawned.session_id or ""
        task_records.keep(tx, session_id, [task])
        tx.run("begin_task", task_id=task_id, session_id=session_id, now=tx.now_ms)
        task_runs.is_iteration(tx, task, spawned.run_id or "", session_id, 1)
        return started_answer(spawned, task_id=task_id, milestone_id=None)

    def _in_milestone(self, tx: Transaction, milestone: Row, task_id: str) -> TaskStarted:
        """Once more, after the milestone has come through: its session takes one task after another."""
        lock_for_run(tx, milestone["session_id"])
        work = work_of(tx, milestone["session_id"])
        task = tx.one("task_by_id", task_id=task_id)
        if work is not None and work["lifecycle"] not in UNDER_WAY:
            raise work_runs.refusal(tx, work)
        idle = work is not None and work["queued_runs"] == 0 and not _is_live(tx, milestone["session_id"])
        if work is None or task is None or not idle or milestone["state"] == "ending":
            raise Conflict(
                f"The milestone {milestone['number']} works on its tasks in their order.",
                code="task_running",
                hint=f"Look at it: callboard milestone show {milestone['number']}",
            )
        check_dependencies(tx, task, set())
        run_id = task_loop.begin(tx, work, task)
        run_changes.refresh_session(tx, work["session_id"])
        return TaskStarted(
            session_id=work["session_id"],
            run_id=run_id,
            job_id=None,
            task_id=task_id,
            milestone_id=milestone["milestone_id"],
            handle=work["handle"],
            branch=work["branch"],
        )

    # ------------------------------------------------------------------ temporary sessions

    async def sweep_once(self) -> int:
        """Closes the temporary sessions of tasks that have ended; a failure is logged, and tried again."""
        due = await self._database.read(lambda tx: tx.all("tasks_to_close"))
        for row in due:
            short = row["session_id"][-SHORT:]
            try:
                outcome = await self._close(row)
            except (CallboardError, ConstraintFailed) as failure:
                _LOG.warning("temporary_session_not_closed", session=short, task_id=row["task_id"], error=str(failure))
            else:
                if outcome is not None:
                    _LOG.info("temporary_session_end", session=short, task_id=row["task_id"], outcome=outcome)
        return len(due)

    async def _close(self, row: Row) -> str | None:
        """What became of the task; None when another coordinator was first."""

        def work(tx: Transaction) -> str | None:
            tx.lock_session(row["session_id"])
            task = tx.one("task_by_id", task_id=row["task_id"])
            if task is None or not task["closing"]:
                return None
            session = work_of(tx, row["session_id"])
            if session is not None and session["lifecycle"] in ENDED:
                work_runs.end_waiting(tx, session)
            tx.run("close_session", session_id=row["session_id"], now=tx.now_ms)
            tx.run("task_closed", task_id=row["task_id"])
            return str(task["outcome"])

        return await self._database.write(work)


def as_spawn(request: RunTask, issues: list[int]) -> Spawn:
    """The reservation that a task or a milestone asks for."""
    how = {name: getattr(request, name) for name in HowToWork.__struct_fields__}
    return Spawn(issues=issues, **how)


def as_task(work: NewWork, context: str, *, title: str | None = None, **changes: Any) -> NewWork:
    """The same work with the loop of a task behind it; without a title its session is called as its issues are."""
    asked = msgspec.structs.replace(work.run.request, context=context, title=work.run.request.title or title)
    run = msgspec.structs.replace(work.run, request=asked, trigger=task_runs.TRIGGER)
    return msgspec.structs.replace(work, run=run, **changes)


def started_answer(spawned: Spawned, *, task_id: str | None, milestone_id: str | None) -> TaskStarted:
    """What was begun."""
    return TaskStarted(
        session_id=spawned.session_id or "",
        run_id=spawned.run_id or "",
        job_id=spawned.job_id,
        task_id=task_id,
        milestone_id=milestone_id,
        handle=spawned.handle,
        branch=spawned.branch,
    )


def _is_live(tx: Transaction, session_id: str) -> bool:
    return tx.one("live_run_of_session", session_id=session_id) is not None
