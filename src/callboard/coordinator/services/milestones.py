"""Milestones: tasks in one session and one worktree, in the order of their dependencies, with a summary at the end."""

import json
from typing import Final

import msgspec

from callboard.coordinator.services import run_changes, task_loop, task_records, task_runs, work_runs
from callboard.coordinator.services.lifecycle_changes import change, work_of
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.locking import lock_for_run
from callboard.coordinator.services.pages import check_limit, page_of, read_mark
from callboard.coordinator.services.projects import find_project
from callboard.coordinator.services.spawn import SpawnService
from callboard.coordinator.services.task_rendering import tasks_of_milestone
from callboard.coordinator.services.task_settings import AT_WORK, can_be_started, check_dependencies, set_task
from callboard.coordinator.services.tasks import as_spawn, as_task, started_answer
from callboard.coordinator.services.work_creation import reserve
from callboard.coordinator.services.work_standing import standing_of
from callboard.domain import ids as id_kinds
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, InvalidRequest, NotFound
from callboard.domain.idempotency import Idempotency
from callboard.domain.ids import Ids
from callboard.domain.lifecycle import ENDED, UNDER_WAY
from callboard.domain.tasks import in_order
from callboard.domain.text import check_text
from callboard.domain.work_step import next_step
from callboard.store.database import Database, Row, Transaction
from callboard.store.idempotency import remember, remembered
from callboard.wire.responses import Page
from callboard.wire.tasks import EndMilestone, Milestone, NewMilestone, RunTask, SetTask, TaskStarted
from callboard.wire.times import rfc3339, rfc3339_or_none
from callboard.wire.work import Spawn

_NEWEST: Final = "~"


class MilestoneService:
    """All milestones."""

    def __init__(self, database: Database, ids: Ids, limits: TreeLimits, spawns: SpawnService) -> None:
        self._database = database
        self._ids = ids
        self._limits = limits
        self._spawns = spawns

    async def create(self, caller: Caller, request: NewMilestone, idempotency: Idempotency | None) -> Milestone:
        """A milestone of a project, with these issues as its tasks."""
        check_text(request.title, "/title", empty=False)

        def work(tx: Transaction) -> Milestone:
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=Milestone)
            project = find_project(tx, caller, request.project_id)
            made = _render(tx, self._create(tx, project, request))
            remember(tx, idempotency, 201, msgspec.json.encode(made))
            return made

        return await self._database.write(work)

    def _create(self, tx: Transaction, project: Row, request: NewMilestone) -> Row:
        milestone_id = self._ids.new(id_kinds.MILESTONE)
        taken = tx.all("next_milestone_number", project_id=project["project_id"])[0]
        tx.run(
            "insert_milestone",
            milestone_id=milestone_id,
            project_id=project["project_id"],
            number=taken["last_milestone"],
            title=request.title,
            now=tx.now_ms,
        )
        for number in request.tasks:
            asked = SetTask(project_id=project["project_id"], number=number, milestone_id=milestone_id)
            set_task(tx, self._ids, project, asked)
        return tx.all("milestone_by_id", milestone_id=milestone_id)[0]

    async def get(self, caller: Caller, milestone_id: str) -> Milestone:
        """One milestone with its tasks. NotFound."""
        return await self._database.read(lambda tx: _render(tx, _find(tx, caller, milestone_id)))

    async def list(
        self, caller: Caller, *, project_id: str | None, number: int | None, page: str | None, limit: int
    ) -> Page:
        """Milestones, newest first."""
        check_limit(limit)
        before = read_mark("milestones", page, _NEWEST)

        def work(tx: Transaction) -> Page:
            if caller.project_id is not None and project_id not in (None, caller.project_id):
                return page_of("milestones", [], limit, None)
            of_project = caller.project_id or project_id or ""
            asked = {"project_id": of_project, "number": number or 0, "limit": limit + 1}
            rows = tx.all("list_milestones", before=before, **asked)
            last = rows[limit - 1]["milestone_id"] if len(rows) > limit else None
            return page_of("milestones", [_render(tx, row) for row in rows[:limit]], limit, last)

        return await self._database.read(work)

    async def start(
        self, caller: Caller, milestone_id: str, request: RunTask, idempotency: Idempotency | None
    ) -> TaskStarted:
        """Reserves all its open tasks for one session, and begins the first. Conflict."""
        spawn = as_spawn(request, [])
        self._spawns.check(spawn)
        offered = await self._spawns.offered()

        def work(tx: Transaction) -> TaskStarted:
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=TaskStarted)
            started = self._start(tx, caller, _find(tx, caller, milestone_id), spawn, offered)
            remember(tx, idempotency, 201, msgspec.json.encode(started))
            return started

        return await self._database.write(work)

    def _start(
        self, tx: Transaction, caller: Caller, milestone: Row, spawn: Spawn, offered: frozenset[str]
    ) -> TaskStarted:
        _check_startable(tx, milestone)
        tasks = _in_order(tx, milestone["milestone_id"])
        order = [task["number"] for task in tasks]
        for task in tasks:
            check_dependencies(tx, task, set(order))
        project = find_project(tx, caller, milestone["project_id"])
        new = self._spawns.new_work(caller, project, msgspec.structs.replace(spawn, issues=order), offered)
        context = "persistent" if all(task["context"] == "persistent" for task in tasks) else "fresh"
        place = {
            "branch": f"milestone-{milestone['number']}",
            "milestone_id": milestone["milestone_id"],
            "current_issue": order[0],
        }
        spawned = reserve(tx, self._ids, self._limits, as_task(new, context, title=milestone["title"], **place))
        session_id, run_id = spawned.session_id or "", spawned.run_id or ""
        task_records.keep(tx, session_id, tasks, milestone)
        for task in tasks:
            tx.run("join_task", task_id=task["task_id"], session_id=session_id)
        tx.run("start_milestone", milestone_id=milestone["milestone_id"], session_id=session_id, now=tx.now_ms)
        tx.run("begin_task", task_id=tasks[0]["task_id"], session_id=session_id, now=tx.now_ms)
        task_runs.is_iteration(tx, tasks[0], run_id, session_id, 1)
        return started_answer(spawned, task_id=tasks[0]["task_id"], milestone_id=milestone["milestone_id"])

    async def end(self, caller: Caller, milestone_id: str, request: EndMilestone) -> Milestone:
        """Has the agent write the summary, or takes the one given; then the session is closed. Conflict."""
        if request.summary is not None:
            check_text(request.summary, "/summary", empty=False)

        def work(tx: Transaction) -> Milestone:
            session_id = _find(tx, caller, milestone_id)["session_id"]
            if session_id is not None:
                lock_for_run(tx, session_id)
            milestone = _find(tx, caller, milestone_id)
            if milestone["state"] not in ("ending", "ended"):
                self._end(tx, milestone, request.summary)
            elif request.summary not in (None, milestone["summary"]):
                raise _has_summary(milestone)
            return _render(tx, _find(tx, caller, milestone_id))

        return await self._database.write(work)

    def _end(self, tx: Transaction, milestone: Row, summary: str | None) -> None:
        found = work_of(tx, milestone["session_id"]) if milestone["session_id"] else None
        if found is None or milestone["state"] == "planned":
            raise Conflict(
                f"The milestone {milestone['number']} was not started.",
                code="milestone_state",
                hint=f"callboard milestone start {milestone['number']}",
            )
        _check_through(tx, milestone, found)
        if summary is not None:
            task_loop.end_milestone(tx, found, milestone["milestone_id"], summary)
            return
        if found["lifecycle"] in ENDED:
            raise work_runs.refusal(tx, found)
        if found["lifecycle"] not in UNDER_WAY:
            found = change(tx, found, "working", by="person")
        run_id = task_runs.add_run(tx, found, "Write the summary of the milestone.")
        task_runs.is_summary(tx, milestone["milestone_id"], run_id, found["session_id"])
        tx.run("move_milestone", milestone_id=milestone["milestone_id"], state="ending", from_state="active")
        run_changes.refresh_session(tx, found["session_id"])


def _has_summary(milestone: Row) -> Conflict:
    number, state = milestone["number"], milestone["state"]
    return Conflict(
        f"The milestone {number} is {state}: its summary "
        + ("is being written by the agent." if state == "ending" else "is stored, and stays."),
        code="milestone_state",
        hint=f"Look at it: callboard milestone show {number}",
    )


def _find(tx: Transaction, caller: Caller, milestone_id: str) -> Row:
    row = tx.one("milestone_by_id", milestone_id=milestone_id)
    if row is None or not caller.sees_project(row["project_id"]):
        raise NotFound(
            f"There is no milestone {milestone_id}.",
            code="milestone_not_found",
            hint="`callboard milestone list` lists them.",
        )
    return row


def _in_order(tx: Transaction, milestone_id: str) -> list[Row]:
    """The tasks that are still to be done, in the order in which they will be."""
    tasks = {row["number"]: row for row in tx.all("tasks_of_milestone", milestone_id=milestone_id)}
    order = in_order({number: json.loads(row["depends_on"]) for number, row in tasks.items()})
    found = [tasks[number] for number in order if tasks[number]["outcome"] != "passed"]
    if not found:
        raise InvalidRequest(
            "The milestone has no task that is left to do.",
            hint="Give it one: callboard task set NUMBER --milestone NUMBER",
        )
    return found


def _check_startable(tx: Transaction, milestone: Row) -> None:
    """It was not started, or the session of its start came to nothing."""
    if not can_be_started(tx, milestone):
        raise Conflict(
            f"The milestone {milestone['number']} is {milestone['state']}.",
            code="milestone_state",
            hint=f"Look at it: callboard milestone show {milestone['number']}",
        )


def _check_through(tx: Transaction, milestone: Row, work: Row) -> None:
    if tx.one("live_run_of_session", session_id=work["session_id"]) or work["queued_runs"]:
        raise Conflict(
            f"The milestone {milestone['number']} is being worked on.",
            code="task_running",
            hint=f"Wait for it (callboard milestone show {milestone['number']}), or stop it: "
            f"callboard stop {work['handle']}",
        )


def _render(tx: Transaction, row: Row) -> Milestone:
    same = ("milestone_id", "project_id", "number", "title", "state", "session_id", "summary")
    begun = row["session_id"] if row["state"] in AT_WORK else None
    stands = standing_of(tx, begun) if begun else None
    return Milestone(
        **{name: row[name] for name in same},
        lifecycle=stands.lifecycle if stands else None,
        next_step=next_step(stands) if stands else None,
        tasks=tasks_of_milestone(tx, row),
        created_at=rfc3339(row["created_at"]),
        started_at=rfc3339_or_none(row["started_at"]),
        ended_at=rfc3339_or_none(row["ended_at"]),
    )
