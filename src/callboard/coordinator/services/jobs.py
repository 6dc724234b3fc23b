"""Jobs in repositories as people and runners see them: read, waited for, reported, ended when their time is over."""

import asyncio
import json
from functools import partial
from typing import Any

import msgspec

from callboard.coordinator.services import job_changes
from callboard.coordinator.services.fleet import Fleet, FleetRunner
from callboard.coordinator.services.job_ends import (
    Failure,
    after_done,
    after_failed,
    check_answer,
    undo_late,
    why_unjudged,
)
from callboard.coordinator.services.leases import in_grace
from callboard.coordinator.services.limits import WorkRules
from callboard.coordinator.services.runner_access import check_runner
from callboard.coordinator.services.signals import Signals, job_key
from callboard.coordinator.services.work_changes import is_due, undo_again
from callboard.coordinator.services.work_standing import standing_of
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, NotFound
from callboard.domain.ids import JOB, Ids, encode, uuid7
from callboard.domain.lifecycle import ENDED
from callboard.domain.work_step import from_branch
from callboard.store.database import Database, Row, Transaction
from callboard.wire.jobs import JobOrder
from callboard.wire.times import rfc3339, rfc3339_or_none
from callboard.wire.work import Job, JobEnded

MAX_WAIT_SECONDS = 600.0
LOOK_AGAIN_SECONDS = 1.0
"""The slow poll behind the wake-ups."""
TIMED_OUT = "job_timeout"
KEPT_MS = 7 * 86_400_000
"""How long a job that has ended is shown."""
FORGET_BATCH = 500


class JobService:
    """All jobs."""

    def __init__(self, database: Database, fleet: Fleet, signals: Signals, ids: Ids, rules: WorkRules) -> None:
        self._database = database
        self._fleet = fleet
        self._signals = signals
        self._ids = ids
        self._rules = rules

    async def get(self, caller: Caller, job_id: str) -> Job:
        """One job. NotFound."""
        return await self._database.read(lambda tx: render_job(_visible(tx, caller, job_id)))

    async def wait(self, caller: Caller, job_id: str, timeout_seconds: float) -> Job:
        """The job as soon as it has ended, or as it is when the time is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(max(timeout_seconds, 0.0), MAX_WAIT_SECONDS)
        with self._signals.listen(job_key(job_id)) as event:
            while True:
                event.clear()
                job = await self.get(caller, job_id)
                left = deadline - loop.time()
                if job.ended_at is not None or left <= 0:
                    return job
                try:
                    await asyncio.wait_for(event.wait(), min(left, LOOK_AGAIN_SECONDS))
                except TimeoutError:
                    continue

    async def ended(self, caller: Caller, job_id: str, report: JobEnded) -> Job:
        """A runner's report of the end; the first end stands, and a repeat is answered alike."""
        runner = await self._fleet.get(report.runner_id, report.epoch)
        check_runner(caller, report.runner_id, report.epoch, runner)
        return await self._database.write(lambda tx: self._end(tx, job_id, report))

    def _end(self, tx: Transaction, job_id: str, report: JobEnded) -> Job:
        job = _locked(tx, job_id)
        if job is None:
            raise _not_found(job_id)
        if job["runner_id"] != report.runner_id:
            raise Conflict(
                f"{job_id} was not given to this runner.",
                code="job_taken",
                hint="Leave it: another runner does it, or it is over.",
            )
        if job["ended_at"] is not None:
            if job["kind"] == "prepare" and job["session_id"] and job["error_code"] and not report.error_code:
                undo_late(tx, self._ids, job)
        elif report.error_code:
            failure = Failure(
                code=report.error_code,
                message=report.error_message or "The runner could not do it.",
                hint=_way_on(tx, job, report.error_code) or report.error_hint or "",
            )
            fail(tx, self._ids, job, failure)
        else:
            self._done(tx, job, check_answer(job["kind"], report.answer))
        return render_job(tx.one("job_by_id", job_id=job_id) or job)

    def _done(self, tx: Transaction, job: Row, answer: Any) -> None:
        unjudged = why_unjudged(job, answer)
        if unjudged is not None:
            fail(tx, self._ids, job, unjudged)
            return
        if job_changes.end_job(tx, job["job_id"], answer=msgspec.to_builtins(answer)):
            after_done(tx, self._ids, job, answer)

    async def sweep_once(self) -> int:
        """Fails what was not done in its time, and has undone what could not be; the number of both.

        Any coordinator may: the first one does.
        """
        late = await self._database.read(_late_jobs)
        for row in late:
            await self._database.write(partial(self._time_out, job_id=row["job_id"]))
        retry_ms = self._rules.undo_retry_ms
        failed = await self._database.read(lambda tx: _due_undos(tx, retry_ms))
        for row in failed:
            again = partial(undo_again, session_id=row["session_id"], job_ids=self._ids, retry_ms=retry_ms)
            await self._database.write(again)
        return len(late) + len(failed)

    async def forget_once(self) -> int:
        """Forgets a batch of jobs that ended long ago; the number of them."""

        def work(tx: Transaction) -> int:
            before = encode(JOB, uuid7(tx.now_ms - KEPT_MS, 0))
            return tx.run("forget_jobs", before=before, most=FORGET_BATCH)

        return await self._database.write(work)

    def _time_out(self, tx: Transaction, job_id: str) -> None:
        job = _locked(tx, job_id)
        over = job is not None and job["ended_at"] is None and job["deadline_at"] < tx.now_ms
        if job is not None and over and not (job["status"] == "taken" and in_grace(tx)):
            fail(tx, self._ids, job, _late(tx, job))


def fail(tx: Transaction, job_ids: Ids, job: Row, failure: Failure) -> None:
    """Ends a job that could not be done, and does what follows from that."""
    ended = job_changes.end_job(
        tx,
        job["job_id"],
        error_code=failure.code,
        error_message=failure.message,
        error_hint=failure.hint or None,
    )
    if ended:
        after_failed(tx, job_ids, job, failure)


def _way_on(tx: Transaction, job: Row, error_code: str) -> str | None:
    """What a runner cannot know: how the work goes on whose worktree is gone."""
    gone = error_code == "worktree_missing" and job["session_id"]
    stands = standing_of(tx, job["session_id"]) if gone else None
    return from_branch(stands) if stands is not None and stands.lifecycle not in ENDED else None


def _late_jobs(tx: Transaction) -> list[Row]:
    """Jobs whose time is over; in the grace period not those that a runner may have done and could not report."""
    graced = in_grace(tx)
    return [row for row in tx.all("late_jobs", now=tx.now_ms) if not (graced and row["status"] == "taken")]


def _due_undos(tx: Transaction, retry_ms: int) -> list[Row]:
    return [row for row in tx.all("failed_undos") if is_due(row, tx.now_ms, retry_ms)]


def _late(tx: Transaction, job: Row) -> Failure:
    seconds = (job["deadline_at"] - job["created_at"]) // 1000
    if job["status"] == "taken":
        runner = tx.one("runner_by_id", runner_id=job["runner_id"])
        name = (runner["name"] or runner["hostname"]) if runner else job["runner_id"]
        return Failure(
            code=TIMED_OUT,
            message=f"The runner {name} took it and did not finish within {seconds} s.",
            hint=f"Look whether {job['hostname']} is up; then ask again.",
        )
    places = job_changes.places_asked(tx, job["project_id"], job["hostname"])
    told = ", ".join(f"{row['hostname']}:{row['path']}" for row in places[:5]) or "none"
    root = places[0]["path"] if places else "PATH"
    return Failure(
        code=TIMED_OUT,
        message=f"No runner of a place of the project took it within {seconds} s (places: {told}).",
        hint=f"Start a runner there: callboard runner --project-dir {root}; then ask again.",
    )


def waiting_jobs(tx: Transaction, runner: FleetRunner) -> bool:
    """Whether a job waits that this runner may take."""
    return bool(job_changes.fitting_jobs(tx, runner))


def take_jobs(tx: Transaction, runner: FleetRunner) -> list[JobOrder]:
    """Gives the runner what waits for one like it; all that it has to do."""
    job_changes.take_fitting(tx, runner)
    return job_changes.orders_of(tx, runner.runner_id)


def _locked(tx: Transaction, job_id: str) -> Row | None:
    """The job as it stands while nobody else moves its session."""
    job = tx.one("job_by_id", job_id=job_id)
    if job is None or job["session_id"] is None:
        return job
    tx.lock_session(job["session_id"])
    return tx.one("job_by_id", job_id=job_id)


def _visible(tx: Transaction, caller: Caller, job_id: str) -> Row:
    row = tx.one("job_by_id", job_id=job_id)
    if row is None or not caller.sees_project(row["project_id"]):
        raise _not_found(job_id)
    return row


def _not_found(job_id: str) -> NotFound:
    return NotFound(f"There is no job {job_id}.", code="job_not_found")


def render_job(row: Row) -> Job:
    """A job; the row holds every column of `jobs`."""
    error = None
    if row["error_code"] is not None:
        error = {"code": row["error_code"], "message": row["error_message"] or "", "hint": row["error_hint"] or ""}
    return Job(
        **{name: row[name] for name in ("job_id", "kind", "project_id", "session_id", "status", "runner_id")},
        answer=None if row["answer"] is None else json.loads(row["answer"]),
        error=error,
        created_at=rfc3339(row["created_at"]),
        deadline_at=rfc3339(row["deadline_at"]),
        ended_at=rfc3339_or_none(row["ended_at"]),
    )
