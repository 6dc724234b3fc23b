"""How an issue is worked on as a task: what may be said of it, by whom and when. Starts nothing."""

import json
from typing import Any, Final

import msgspec

from callboard.coordinator.services import task_runs
from callboard.coordinator.services.lifecycle_changes import work_of
from callboard.domain import ids as id_kinds
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound
from callboard.domain.ids import Ids
from callboard.domain.lifecycle import UNDER_WAY
from callboard.domain.tasks import MAX_ITERATIONS, in_order
from callboard.store.database import Row, Transaction
from callboard.wire.tasks import SetTask

AT_WORK: Final = ("active", "ending")
"""States of a milestone that was started and has not ended."""

_ISSUES: Final = "`callboard list --issues` shows those that are there."


def check_rights(caller: Caller, request: SetTask) -> None:
    """Forbidden for checks as text by anybody but the owner."""
    texts = [] if request.checks is msgspec.UNSET else [one for one in request.checks if not isinstance(one, str)]
    if texts and not caller.is_owner:
        raise Forbidden(
            f"The check {texts[0].name!r} says what is executed on a machine; only the owner's token may do that.",
            hint="Name it in the runner's file as [checks.NAME], and give the name alone.",
        )


def says_nothing(request: SetTask) -> bool:
    """Whether no more is said than which issue is meant."""
    names = ("checks", "max_iterations", "depends_on", "context", "milestone_id")
    return all(getattr(request, name) is msgspec.UNSET for name in names)


def find_task(tx: Transaction, caller: Caller, task_id: str) -> Row:
    """The task's row; NotFound when there is none that the caller may see."""
    row = tx.one("task_by_id", task_id=task_id)
    if row is None or not caller.sees_project(row["project_id"]):
        raise NotFound(f"There is no task {task_id}.", code="task_not_found", hint="`callboard task list` lists them.")
    return row


def set_task(tx: Transaction, new_ids: Ids, project: Row, request: SetTask) -> Row:
    """The task of an issue as it is wanted now; the issue becomes one if it is none."""
    place = {"project_id": project["project_id"], "number": request.number}
    if project["tracker"] == "local" and tx.one("issue_by_number", **place) is None:
        raise NotFound(
            f"The project {project['name']} has no issue {request.number}.", code="issue_not_found", hint=_ISSUES
        )
    new: dict[str, Any] = {
        "milestone_id": None,
        "checks": "[]",
        "max_iterations": MAX_ITERATIONS,
        "depends_on": "[]",
        "context": "fresh",
    }
    tx.run("insert_task", task_id=new_ids.new(id_kinds.TASK), **place, **new, now=tx.now_ms)
    before = tx.one("task_by_number", **place)
    if before is None:
        raise RuntimeError(f"the task of issue {request.number} vanished inside a transaction")
    _check_idle(tx, before, request)
    wanted = {name: before[name] for name in new} | _given(tx, project, request)
    tx.run("change_task", task_id=before["task_id"], **wanted)
    _check_circle(tx, before | wanted)
    checks = msgspec.json.encode(task_runs.checks_of(tx, before | wanted)).decode()
    tx.run("judge_waiting_runs", task_id=before["task_id"], checks=checks)
    return tx.all("task_by_id", task_id=before["task_id"])[0]


def _given(tx: Transaction, project: Row, request: SetTask) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if request.checks is not msgspec.UNSET:
        given["checks"] = msgspec.json.encode(request.checks).decode()
    if request.depends_on is not msgspec.UNSET:
        given["depends_on"] = json.dumps(_dependencies(tx, project, request.depends_on, request.number))
    if isinstance(request.milestone_id, str):
        _check_planned(tx, project, request.milestone_id)
    for name in ("max_iterations", "context", "milestone_id"):
        if getattr(request, name) is not msgspec.UNSET:
            given[name] = getattr(request, name)
    return given


def _dependencies(tx: Transaction, project: Row, named: list[int | str], number: int) -> list[int]:
    """The issues that are named, each once; NotFound and Conflict `foreign_dependency`."""
    numbers = list(dict.fromkeys(_dependency(project, one) for one in named))
    missing = [
        one
        for one in numbers
        if project["tracker"] == "local"
        and tx.one("issue_by_number", project_id=project["project_id"], number=one) is None
    ]
    if missing:
        told = ", ".join(map(str, missing))
        raise NotFound(
            f"Issue {number} cannot depend on {told}: {project['name']} has no such issue.",
            code="issue_not_found",
            hint=_ISSUES,
        )
    return numbers


def _dependency(project: Row, named: int | str) -> int:
    if isinstance(named, int):
        return named
    name, mark, number = named.rpartition("#")
    if not number.isascii() or not number.isdecimal() or not 0 < int(number) < 10**15:
        raise InvalidRequest(
            f"{named[:80]!r} names no issue.",
            hint="Write 3, or NAME#3.",
            errors=[{"pointer": "/depends_on", "message": "no issue"}],
        )
    if mark and name not in (project["name"], project["project_id"]):
        raise Conflict(
            f"{named} is an issue of another project; a task depends on those of {project['name']} alone.",
            code="foreign_dependency",
        )
    return int(number)


def can_be_started(tx: Transaction, milestone: Row) -> bool:
    """Whether it was not started, or the session of its start came to nothing."""
    if milestone["state"] == "planned":
        return True
    session = work_of(tx, milestone["session_id"]) if milestone["session_id"] else None
    return milestone["state"] == "active" and (session is None or session["lifecycle"] in ("cancelled", "deleted"))


def _check_planned(tx: Transaction, project: Row, milestone_id: str) -> None:
    row = tx.one("milestone_by_id", milestone_id=milestone_id)
    if row is None or row["project_id"] != project["project_id"]:
        raise NotFound(f"{project['name']} has no milestone {milestone_id}.", code="milestone_not_found")
    if not can_be_started(tx, row):
        raise Conflict(
            f"The milestone {row['number']} is {row['state']} and takes no more tasks.", code="milestone_state"
        )


def _check_idle(tx: Transaction, task: Row, request: SetTask) -> None:
    """What is being worked on is not changed meanwhile; while its work rests it is."""
    milestone = tx.one("milestone_by_id", milestone_id=task["milestone_id"]) if task["milestone_id"] else None
    if milestone is not None and can_be_started(tx, milestone):
        milestone = None
    belongs = milestone is not None and milestone["state"] in AT_WORK
    at_work = task["started_at"] is not None and task["ended_at"] is None
    session_id = milestone["session_id"] if milestone is not None and belongs else task["session_id"]
    work = work_of(tx, session_id) if session_id and (belongs or at_work) else None
    if work is not None and _runs(tx, work):
        what = "is being worked on" if at_work or milestone is None else f"is of milestone {milestone['number']}, "
        what += "" if at_work or milestone is None else "which is being worked on"
        raise Conflict(
            f"Issue {task['number']} {what}.",
            code="task_running",
            hint=f"Change it when that has ended, or halt it first: callboard pause {work['handle']}",
        )
    if milestone is not None and belongs and request.milestone_id not in (msgspec.UNSET, task["milestone_id"]):
        raise Conflict(
            f"Issue {task['number']} is of milestone {milestone['number']}, which has not ended.",
            code="milestone_state",
            hint=f"End that first: callboard milestone end {milestone['number']}",
        )


def _runs(tx: Transaction, work: Row) -> bool:
    """Whether something of the work runs, or will as soon as a runner takes it."""
    live = tx.one("live_run_of_session", session_id=work["session_id"]) is not None
    return live or (work["lifecycle"] in UNDER_WAY and work["queued_runs"] > 0)


def _check_circle(tx: Transaction, task: Row) -> None:
    """Everything that the task depends on, through others too, must not depend on the task."""
    needs: dict[int, list[int]] = {}
    waiting = [task["number"]]
    while waiting:
        number = waiting.pop()
        row = tx.one("task_by_number", project_id=task["project_id"], number=number)
        needs[number] = json.loads(row["depends_on"]) if row else []
        waiting += [one for one in needs[number] if one not in needs]
    in_order(needs)


def check_dependencies(tx: Transaction, task: Row, together: set[int]) -> None:
    """Conflict `task_waits` while something has not passed that the task needs; `together` is done in one session."""
    missing = []
    for number in json.loads(task["depends_on"]):
        row = tx.one("task_by_number", project_id=task["project_id"], number=number)
        if number not in together and (row is None or row["outcome"] != "passed"):
            missing.append(number)
    if missing:
        told = ", ".join(map(str, missing))
        raise Conflict(
            f"Issue {task['number']} depends on {told}, which has not passed."
            if len(missing) == 1
            else f"Issue {task['number']} depends on {told}, which have not passed.",
            code="task_waits",
            hint=f"First: callboard task run {missing[0]}",
            errors=[{"number": number} for number in missing],
        )
