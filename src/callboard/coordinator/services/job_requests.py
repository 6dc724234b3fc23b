"""What people ask a runner to do in a repository: look at it, ship it, remove a worktree. Makes jobs, does none."""

import json
import posixpath
from typing import Any, Final

import msgspec

from callboard.coordinator.services import job_changes, task_runs
from callboard.coordinator.services.access import visible_session
from callboard.coordinator.services.job_changes import NewJob
from callboard.coordinator.services.jobs import JobService, render_job
from callboard.coordinator.services.projects import find_project, settings_of
from callboard.coordinator.services.run_requests import check_session_id
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, InvalidRequest, Unavailable
from callboard.domain.idempotency import Idempotency
from callboard.domain.ids import Ids
from callboard.store.database import Database, Row, Transaction
from callboard.store.idempotency import remember, remembered
from callboard.wire.jobs import Diff, DiffText, FetchIssues, ListWorktrees, Remove, Ship
from callboard.wire.requests import Request
from callboard.wire.work import Job, RequestJob

DIFF_SECONDS: Final = 20.0
_DEADLINES_MS: Final = {"ship": 300_000, "remove": 120_000}
_DEADLINE_MS: Final = 60_000
_OF_SESSIONS: Final = ("ship", "diff", "remove")
_OF_PROJECTS: Final = ("list_worktrees", "fetch_issues", "remove")


class _Place(Request, kw_only=True):
    """Options of a job of a project: where; else anywhere."""

    hostname: str | None = None
    repository: str | None = None


class _Listing(_Place, kw_only=True):
    prefix: str | None = None


class _Fetching(_Place, kw_only=True):
    numbers: list[int] = msgspec.field(default_factory=list)
    limit: int = 100


class _Leftover(_Place, kw_only=True):
    path: str
    branch: str | None = None
    keep_branch: bool = True


class _Shipping(Request, kw_only=True):
    title: str | None = None
    body: str | None = None
    allow_uncommitted: bool = False
    allow_failing_checks: bool = False
    draft: bool = False


class _Looking(Request, kw_only=True):
    max_bytes: int = 1_048_576


class _Removing(Request, kw_only=True):
    keep_branch: bool = False


class JobRequestService:
    """Jobs that people ask for."""

    def __init__(self, database: Database, jobs: JobService, ids: Ids) -> None:
        self._database = database
        self._jobs = jobs
        self._ids = ids

    async def of_project(
        self, caller: Caller, project_id: str, request: RequestJob, idempotency: Idempotency | None
    ) -> Job:
        """A job at any place of a project, or at the one that the options name."""
        _check_kind(request, _OF_PROJECTS)

        def work(tx: Transaction) -> Job:
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=Job)
            new = _project_job(tx, find_project(tx, caller, project_id), caller, request)
            if isinstance(new.request, Remove):
                _check_left_over(tx, new, new.request.path)
            return self._asked(tx, new, idempotency)

        return await self._database.write(work)

    async def of_session(
        self, caller: Caller, session_id: str, request: RequestJob, idempotency: Idempotency | None
    ) -> Job:
        """A job in the worktree of a work session. Conflict `worktree_missing`, and `session_busy` for a removal."""
        check_session_id(session_id)
        _check_kind(request, _OF_SESSIONS)

        def work(tx: Transaction) -> Job:
            tx.lock_session(session_id)
            if answered := remembered(tx, idempotency):
                return msgspec.json.decode(answered, type=Job)
            session = visible_session(tx, caller, session_id)
            return self._asked(tx, _session_job(tx, session, caller, request), idempotency)

        return await self._database.write(work)

    def _asked(self, tx: Transaction, new: NewJob, idempotency: Idempotency | None) -> Job:
        job = render_job(tx.one("job_by_id", job_id=job_changes.ask(tx, self._ids, new)) or {})
        remember(tx, idempotency, 201, msgspec.json.encode(job))
        return job

    async def diff(self, caller: Caller, session_id: str) -> DiffText:
        """What the worktree of a session changes now. Unavailable when no runner says so in time."""
        asked = await self.of_session(caller, session_id, RequestJob(kind="diff"), None)
        job = await self._jobs.wait(caller, asked.job_id, DIFF_SECONDS)
        if job.status == "done":
            return msgspec.convert(job.answer, DiffText)
        if job.error is not None:
            raise Conflict(job.error["message"], code="job_failed", hint=job.error["hint"])
        raise Unavailable(
            f"No runner of the worktree's host has told the changes within {DIFF_SECONDS:g} s.",
            hint="Look whether the host is up and its runner runs: callboard runner list",
        )


def _check_kind(request: RequestJob, kinds: tuple[str, ...]) -> None:
    if request.kind not in kinds:
        raise InvalidRequest(
            f"{request.kind} is no job of this.",
            errors=[{"pointer": "/kind", "message": f"one of {', '.join(kinds)}"}],
        )


def _options(request: RequestJob, shape: type[msgspec.Struct]) -> Any:
    try:
        return msgspec.convert(request.options, shape)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"options: {error}.", errors=[{"pointer": "/options", "message": str(error)}]) from None


def _project_job(tx: Transaction, project: Row, caller: Caller, request: RequestJob) -> NewJob:
    order: msgspec.Struct
    if request.kind == "list_worktrees":
        place = _options(request, _Listing)
        prefix = settings_of(project).worktree_prefix
        at = {"hostname": place.hostname or "", "path": place.repository or ""}
        known = tx.all("active_worktrees_of_place", project_id=project["project_id"], **at)
        order = ListWorktrees(prefix=place.prefix or prefix or "", known=[row["path"] for row in known])
    elif request.kind == "fetch_issues":
        place = _options(request, _Fetching)
        order = FetchIssues(numbers=place.numbers, limit=place.limit, remote_url=project["remote_url"])
    else:
        place = _options(request, _Leftover)
        order = Remove(path=place.path, branch=place.branch, confirm=request.confirm, keep_branch=place.keep_branch)
    return NewJob(
        kind=request.kind,
        project_id=project["project_id"],
        request=order,
        deadline_ms=_DEADLINES_MS.get(request.kind, _DEADLINE_MS),
        created_by=caller.token_id,
        hostname=place.hostname,
        path=place.repository,
    )


def _check_left_over(tx: Transaction, new: NewJob, path: str) -> None:
    """Conflict `worktree_in_use` when it is the worktree of work that goes on."""
    plain = posixpath.normpath(path)
    rows = tx.all("work_at_path", project_id=new.project_id, path=plain, folder=posixpath.basename(plain))
    for row in rows:
        if new.hostname is None or row["hostname"] in (None, new.hostname):
            raise Conflict(
                f"{path} is the worktree of {row['session_id']}, which is {row['lifecycle']}.",
                code="worktree_in_use",
                hint=f"This ends that work, and removes it: callboard delete {row['handle']}",
            )


def _session_job(tx: Transaction, session: Row, caller: Caller, request: RequestJob) -> NewJob:
    work = tx.one("work_session", session_id=session["session_id"])
    if work is None or work["state"] != "prepared":
        raise Conflict(
            f"{session['session_id']} has no worktree" + (f": it is {work['state']}." if work else "."),
            code="worktree_missing",
            hint="callboard list shows the work sessions, callboard spawn starts one.",
        )
    return NewJob(
        kind=request.kind,
        project_id=work["project_id"],
        request=_order(tx, session, work, request),
        deadline_ms=_DEADLINES_MS.get(request.kind, _DEADLINE_MS),
        created_by=caller.token_id,
        session_id=session["session_id"],
        hostname=work["hostname"],
        path=work["repository"],
    )


def _check_checks(tx: Transaction, session: Row) -> None:
    """Conflict `checks_fail` when a check of the session's tasks did not pass the last time that it ran."""
    failing = task_runs.failing_checks(tx, session["session_id"])
    if failing:
        raise Conflict(
            " ".join(f"Issue {number}: {one.sentence}" for number, one in failing),
            code="checks_fail",
            hint="Mend that first, or ship all the same: --allow-failing-checks",
            errors=[{"number": number, "check": one.name, "exit_code": one.exit_code} for number, one in failing],
        )


def _order(tx: Transaction, session: Row, work: Row, request: RequestJob) -> msgspec.Struct:
    place = json.loads(session["workspace"])
    if request.kind == "diff":
        looking = _options(request, _Looking)
        return Diff(path=place["path"], base_commit=place["base_commit"], max_bytes=looking.max_bytes)
    if request.kind == "ship":
        shipping = _options(request, _Shipping)
        if not shipping.allow_failing_checks:
            _check_checks(tx, session)
        project = tx.one("project_by_id", project_id=work["project_id"])
        numbers = [issue["number"] for issue in json.loads(session["issues"])]
        return Ship(
            path=place["path"],
            branch=work["branch"],
            base_branch=work["base_branch"],
            title=shipping.title or session["title"] or work["branch"],
            body="\n".join(f"Closes #{number}" for number in numbers) if shipping.body is None else shipping.body,
            allow_uncommitted=shipping.allow_uncommitted,
            draft=shipping.draft,
            remote_url=project["remote_url"] if project else None,
        )
    if tx.one("live_run_of_session", session_id=session["session_id"]) is not None:
        raise Conflict(
            f"An agent works in the worktree of {session['session_id']}.",
            code="session_busy",
            hint=f"Stop it first: callboard stop {session['handle']}",
        )
    return Remove(
        path=place["path"],
        branch=work["branch"] if work["branch_is_ours"] else None,
        base_commit=place["base_commit"],
        confirm=request.confirm,
        keep_branch=_options(request, _Removing).keep_branch,
    )
