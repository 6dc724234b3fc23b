"""Reserves issues for a new work session and asks for its worktree, in one transaction: all of it, or nothing.

For a spawn, a task and a milestone alike. Knows no HTTP.
"""

import json
import posixpath
from typing import Any

import msgspec

from callboard.coordinator.services import job_changes
from callboard.coordinator.services.agent_choice import named_agent, place_of_agent
from callboard.coordinator.services.foreign_text import check_reads
from callboard.coordinator.services.job_changes import NewJob
from callboard.coordinator.services.limits import TreeLimits
from callboard.coordinator.services.new_run import NewRun
from callboard.coordinator.services.projects import settings_of
from callboard.coordinator.services.run_creation import create
from callboard.coordinator.services.run_requests import named_executor
from callboard.coordinator.services.work_changes import tell, title_of
from callboard.coordinator.services.work_standing import standing_of
from callboard.domain import ids as id_kinds
from callboard.domain.errors import Conflict, NotFound
from callboard.domain.event import SESSION_UPDATED
from callboard.domain.ids import Ids
from callboard.domain.work_names import WorkNames, issue_problems, names_of, refusal
from callboard.domain.work_step import let_go_on
from callboard.store.database import Row, Transaction
from callboard.wire.jobs import IssueText, Prepare
from callboard.wire.requests import AdditionalDemands
from callboard.wire.work import Spawned


class NewWork(msgspec.Struct, frozen=True, kw_only=True):
    """Work that is asked for, checked as far as it can be outside of its transaction."""

    project: Row
    issues: list[int]
    run: NewRun
    """The first run as it is asked for; held, with its trigger."""
    prepare_ms: int
    base_branch: str | None = None
    reuse_branch: bool = False
    new_branch: bool = False
    hostname: str | None = None
    accept_text: dict[str, str] = {}
    current_issue: int | None = None
    """With which the work begins, where that is not all of them."""
    branch: str | None = None
    """Where the work is not called by its issues."""
    milestone_id: str | None = None


def look(tx: Transaction, job_ids: Ids, work: NewWork) -> Spawned:
    """What a spawn would do: nothing is reserved, and a runner only looks."""
    texts, names = _checked(tx, work)
    taken = _holders(tx, work)
    if taken:
        raise _conflict(tx, taken)
    executor_type = _executor_type(tx, work)
    check_reads(tx, executor_type)
    job_id = _ask_to_prepare(tx, job_ids, work, names, texts, session_id=None)
    return _spawned(names, None, None, job_id, executor_type)


def reserve(tx: Transaction, new_ids: Ids, limits: TreeLimits, work: NewWork) -> Spawned:
    """The session with its first run, its issues and the job that makes its worktree.

    NotFound `issue_not_found`, InvalidRequest and Conflict `issue_conflict` name all that is wrong.
    """
    texts, names = _checked(tx, work)
    session_id = new_ids.new(id_kinds.SESSION)
    project_id = work.project["project_id"]
    # Sorted, so that two spawns that overlap never wait for each other in a circle; before the session's own rows,
    # so that nothing else is locked while one waits for the other.
    for number in sorted(work.issues):
        if not tx.run("reserve_issue", project_id=project_id, number=number, session_id=session_id):
            raise _conflict(tx, _holders(tx, work, besides=session_id))
    run_id = _session(tx, new_ids, limits, work, names, texts, session_id)
    job_id = _ask_to_prepare(tx, new_ids, work, names, texts, session_id)
    return _spawned(names, session_id, run_id, job_id, _executor_type(tx, work))


def _session(
    tx: Transaction,
    new_ids: Ids,
    limits: TreeLimits,
    work: NewWork,
    names: WorkNames,
    texts: list[IssueText],
    session_id: str,
) -> str:
    issues: list[dict[str, Any]] = [msgspec.to_builtins(one) for one in texts]
    shown = [{name: value for name, value in issue.items() if name != "state"} for issue in issues]
    request = msgspec.structs.replace(
        work.run.request,
        title=work.run.request.title or title_of(shown),
        additional_demands=AdditionalDemands(hostname=work.hostname) if work.hostname else None,
    )
    paths = [place["path"] for place in _places(tx, work)]
    directory = place_of_agent(tx, request.agent_name, paths)
    run = msgspec.structs.replace(
        work.run, request=request, session_id=session_id, agent_directory=directory, held=True
    )
    created = create(tx, run, new_ids, limits)
    place = {"session_id": session_id}
    tx.run("begin_work", **place, handle=names.handle, issues=json.dumps(shown), milestone_id=work.milestone_id)
    for position, number in enumerate(work.issues):
        project_id = work.project["project_id"]
        tx.run("insert_session_issue", **place, position=position, project_id=project_id, number=number)
    tx.run(
        "insert_work_session",
        **place,
        project_id=work.project["project_id"],
        branch=names.branch,
        directory_name=names.directory_name,
        base_branch=work.base_branch,
        reuse_branch=int(work.reuse_branch),
        new_branch=int(work.new_branch),
        now=tx.now_ms,
        prepare_by=tx.now_ms + work.prepare_ms,
    )
    tx.run("set_session_lifecycle", **place, lifecycle="registered", now=tx.now_ms)
    named = {"handle": names.handle, "issues": shown, "lifecycle": "registered", "branch": names.branch}
    tell(tx, {"session_id": session_id, "root_session_id": session_id}, SESSION_UPDATED, named)
    return created.run_id


def _checked(tx: Transaction, work: NewWork) -> tuple[list[IssueText], WorkNames]:
    """The issues as they are known, and what the work is called; all that is wrong with the issues is named."""
    project = work.project
    problems = issue_problems(work.issues)
    bad = {value for value, _ in problems}
    rows = {
        number: tx.one("issue_by_number", project_id=project["project_id"], number=number)
        for number in work.issues
        if number not in bad
    }
    if project["tracker"] == "local":
        unknown = [number for number, row in rows.items() if row is None]
        if problems:
            raise refusal([*problems, *((number, "no such issue") for number in unknown)])
        if unknown:
            raise _unknown(project, unknown)
    if problems:
        raise refusal(problems)
    there = _places(tx, work)
    if not there:
        raise _nowhere(project, work.hostname)
    prefix = settings_of(project).worktree_prefix
    base = posixpath.basename(there[0]["path"]) + "-" if prefix is None else prefix
    return [_text(number, row) for number, row in rows.items()], names_of(work.issues, base, work.branch)


def _places(tx: Transaction, work: NewWork) -> list[Row]:
    """Where the work may be done."""
    places = tx.all("locations_of_projects", ids=json.dumps([work.project["project_id"]]))
    return [one for one in places if work.hostname in (None, one["hostname"])]


def _unknown(project: Row, numbers: list[int]) -> NotFound:
    told = ", ".join(map(str, numbers))
    return NotFound(
        f"The project {project['name']} has no issue {told}.",
        code="issue_not_found",
        hint='`callboard task new "title"` makes one; `callboard list --issues` shows those that are there.',
        errors=[{"pointer": "/issues", "message": f"{number}: no such issue"} for number in numbers],
    )


def _nowhere(project: Row, hostname: str | None) -> Conflict:
    where = "no place" if hostname is None else f"no place on {hostname}"
    return Conflict(
        f"The project {project['name']} has {where}.",
        code="no_location",
        hint="On the machine of the repository: callboard project add PATH",
    )


def _text(number: int, row: Row | None) -> IssueText:
    if row is None:
        return IssueText(number=number, title="")
    if row["fetched_at"] is not None:  # what is worked on is fetched anew, and judged
        return IssueText(number=number, title=row["title"], state=row["state"])
    return IssueText(number=number, title=row["title"], body=row["body"], state=row["state"])


def _holders(tx: Transaction, work: NewWork, besides: str = "") -> list[dict[str, Any]]:
    """Which of the issues are in an active session, and in which."""
    found = []
    for number in work.issues:
        row = tx.one("holder_of_issue", project_id=work.project["project_id"], number=number)
        if row is not None and row["session_id"] != besides:
            where = {name: row[name] for name in ("session_id", "handle")}
            titles = {one["number"]: one.get("title") for one in json.loads(row["issues"] or "[]")}
            told = {"issue": number, "title": titles.get(number) or "", "lifecycle": row["lifecycle"]}
            found.append(where | told)
    return found


def _conflict(tx: Transaction, taken: list[dict[str, Any]]) -> Conflict:
    if not taken:
        return Conflict(
            "One of the issues was in an active session a moment ago.",
            code="issue_conflict",
            hint="Ask again.",
        )
    told = "; ".join(f"issue {one['issue']} is in the active session {one['session_id']}" for one in taken)
    handle = taken[0]["handle"]
    stands = standing_of(tx, taken[0]["session_id"])
    first = (stands and let_go_on(stands)) or f"Look at it: callboard get {handle}"
    return Conflict(
        f"{told[0].upper()}{told[1:]}.",
        code="issue_conflict",
        hint=f"{first}; or end it: callboard cancel {handle}",
        errors=taken,
    )


def _ask_to_prepare(
    tx: Transaction, job_ids: Ids, work: NewWork, names: WorkNames, texts: list[IssueText], session_id: str | None
) -> str:
    settings = settings_of(work.project)
    elsewhere = work.project["tracker"] != "local"
    order = Prepare(
        session_id=session_id or "",
        handle=names.handle,
        issues=[IssueText(number=one.number, title="") for one in texts] if elsewhere else texts,
        tracker=work.project["tracker"],
        branch=names.branch,
        directory_name=names.directory_name,
        worktree_root=settings.worktree_root,
        base_branch=work.base_branch or settings.base_branch or work.project["default_branch"],
        reuse_branch=work.reuse_branch,
        new_branch=work.new_branch,
        dry_run=session_id is None,
        remote_url=work.project["remote_url"],
        issue_authors=settings.issue_authors,
        accept_text=work.accept_text,
        current_issue=work.current_issue,
    )
    return job_changes.ask(
        tx,
        job_ids,
        NewJob(
            kind="prepare",
            project_id=work.project["project_id"],
            request=order,
            deadline_ms=work.prepare_ms,
            created_by=work.run.caller.token_id,
            session_id=session_id,
            hostname=work.hostname,
        ),
    )


def _executor_type(tx: Transaction, work: NewWork) -> str:
    """NotFound for an agent that nobody knows."""
    request = work.run.request
    directory = place_of_agent(tx, request.agent_name, [place["path"] for place in _places(tx, work)])
    agent = named_agent(tx, request, work.project["project_id"], None, directory)
    return named_executor(request) or (agent or {}).get("executor") or work.run.executor_type


def _spawned(names: WorkNames, session_id: str | None, run_id: str | None, job_id: str, executor_type: str) -> Spawned:
    return Spawned(
        session_id=session_id,
        run_id=run_id,
        job_id=job_id,
        handle=names.handle,
        branch=names.branch,
        directory_name=names.directory_name,
        state_file=names.state_file,
        executor_type=executor_type,
        dry_run=session_id is None,
    )
