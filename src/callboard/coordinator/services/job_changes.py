"""Every change of a job as work inside a transaction: asked for, taken, ended. What an end means is in job_ends.

Knows no callers and no HTTP; a job of a session is changed with that session locked.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from callboard.coordinator.services.fleet import FleetRunner, offer_of
from callboard.domain.demands import Demands, inside, match
from callboard.domain.ids import JOB, Ids
from callboard.store.database import Row, Transaction
from callboard.store.hints import JobEnded, JobWaits
from callboard.wire.jobs import JobOrder

SILENT_MS: Final = 35_000
"""For a runner that was not heard of for so long nobody leaves a worktree."""
UNDO_DAYS: Final = 30
UNDO_MS: Final = UNDO_DAYS * 86_400_000
"""How long a runner that is away may take to remove what it began."""


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner is to do, and until when."""

    kind: str
    project_id: str
    request: msgspec.Struct
    deadline_ms: int
    """From now."""
    created_by: str
    session_id: str | None = None
    hostname: str | None = None
    path: str | None = None
    """Of the repository."""
    runner_id: str | None = None
    """The only one that may take it, as long as it is registered."""


def ask(tx: Transaction, job_ids: Ids, new: NewJob) -> str:
    """A job that waits for a runner; its id."""
    job_id = job_ids.new(JOB)
    tx.run(
        "insert_job",
        job_id=job_id,
        kind=new.kind,
        project_id=new.project_id,
        session_id=new.session_id,
        hostname=new.hostname,
        path=new.path,
        runner_id=new.runner_id,
        request=msgspec.json.encode(new.request).decode(),
        created_by=new.created_by,
        now=tx.now_ms,
        deadline_at=tx.now_ms + new.deadline_ms,
    )
    for hostname in [new.hostname] if new.hostname else _hosts(tx, new.project_id):
        tx.hint(JobWaits(hostname=hostname))
    return job_id


def places_asked(tx: Transaction, project_id: str, hostname: str | None) -> list[Row]:
    """The places of a project at which a job may be done: those of one host when it is asked of that host alone."""
    places = tx.all("locations_of_projects", ids=json.dumps([project_id]))
    return [one for one in places if hostname in (None, one["hostname"])]


def _hosts(tx: Transaction, project_id: str) -> list[str]:
    """The hosts of a project's places."""
    places = tx.all("locations_of_projects", ids=json.dumps([project_id]))
    return list(dict.fromkeys(place["hostname"] for place in places))


def orders_of(tx: Transaction, runner_id: str) -> list[JobOrder]:
    """The jobs that a runner has taken and not reported, oldest first."""
    return [_order(row) for row in tx.all("jobs_of_runner", runner_id=runner_id)]


def _order(row: Row) -> JobOrder:
    return JobOrder(
        job_id=row["job_id"],
        kind=row["kind"],
        project_id=row["project_id"],
        session_id=row["session_id"],
        path=row["path"],
        request=json.loads(row["request"]),
    )


def fitting_jobs(tx: Transaction, runner: FleetRunner) -> list[Row]:
    """The jobs that wait and that this runner may do, each with the place where."""
    found: dict[str, Row] = {}
    for row in tx.all("jobs_for_host", hostname=runner.hostname, runner_id=runner.runner_id):
        if row["job_id"] not in found and _may_take(tx, row, runner):
            found[row["job_id"]] = row
    return list(found.values())


def _may_take(tx: Transaction, row: Row, runner: FleetRunner) -> bool:
    if not works_at(runner.offer.roots, row["place"]):
        return False
    if row["kind"] != "prepare":
        return True
    # What an earlier preparation left there is removed first, or it would stand in the way of this one.
    before = tx.one("open_job_at", hostname=runner.hostname, path=row["place"], kind="undo")
    behind = before is not None and before["runner_id"] in (None, runner.runner_id)
    return not runner.draining and not behind and _suits(tx, row, runner)


def _suits(tx: Transaction, row: Row, runner: FleetRunner) -> bool:
    """Whether the runner can also run what is to work in the worktree, or no runner of any place can."""
    head = None if row["session_id"] is None else tx.one("head_run_of_session", session_id=row["session_id"])
    run = None if head is None else tx.one("run_by_id", run_id=head["run_id"])
    if run is None:
        return True
    demands = msgspec.json.decode(run["demands"], type=Demands)
    if not match(msgspec.structs.replace(demands, project_dir=row["place"]), runner.offer):
        return True
    places = tx.all("locations_of_projects", ids=json.dumps([row["project_id"]]))
    others = [offer_of(one) for one in tx.all("all_runners") if tx.now_ms - one["last_heard_at"] < SILENT_MS]
    return not any(
        place["hostname"] == other.hostname
        and not match(msgspec.structs.replace(demands, project_dir=place["path"]), other)
        for other in others
        for place in places
    )


def works_at(roots: Iterable[str], path: str) -> bool:
    """Whether a runner with these roots is one of a place."""
    return any(inside(path, root) for root in roots)


def take_fitting(tx: Transaction, runner: FleetRunner) -> None:
    """Gives the runner every job that waits and that it may do."""
    for row in fitting_jobs(tx, runner):
        place = {"hostname": runner.hostname, "path": row["place"]}
        taken = tx.run(
            "take_job",
            job_id=row["job_id"],
            runner_id=runner.runner_id,
            epoch=runner.epoch,
            now=tx.now_ms,
            **place,
        )
        if taken and row["kind"] == "prepare" and row["session_id"] is not None:
            tx.run("place_work", session_id=row["session_id"], **place)


def end_job(
    tx: Transaction,
    job_id: str,
    *,
    answer: Any = None,
    error_code: str | None = None,
    error_message: str | None = None,
    error_hint: str | None = None,
) -> bool:
    """Ends a job in every way there is; false when it has ended before."""
    ended = tx.run(
        "end_job",
        job_id=job_id,
        status="failed" if error_code else "done",
        answer=None if answer is None else json.dumps(answer),
        error_code=error_code,
        error_message=error_message,
        error_hint=error_hint,
        now=tx.now_ms,
    )
    if ended:
        tx.hint(JobEnded(job_id=job_id))
        job = tx.one("job_by_id", job_id=job_id)
        if job is not None and job["kind"] == "undo":  # a preparation may have waited behind it
            tx.hint(JobWaits(hostname=job["hostname"] or ""))
    return bool(ended)
