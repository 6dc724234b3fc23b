"""Has a runner put what a worker may know into the state file of its worktree, as soon as that changes.

The session is locked by the caller. Knows no files.
"""

from typing import Final

from callboard.coordinator.services import job_changes
from callboard.coordinator.services.job_changes import NewJob
from callboard.coordinator.services.lifecycle_changes import work_of
from callboard.coordinator.services.worker_contexts import context_of
from callboard.domain.ids import Ids
from callboard.domain.worker_prompt import state_file
from callboard.store.database import Transaction
from callboard.wire.jobs import WriteState

KIND: Final = "write_state"
DEADLINE_MS: Final = 86_400_000
"""How long a runner that is away may take; its worker has the same in the prompt of its next run."""


def write(tx: Transaction, session_id: str, job_ids: Ids) -> None:
    """Asks for the state file as it is to be now; what nobody has written yet is not written any more."""
    work = work_of(tx, session_id)
    if work is None or work["state"] != "prepared":
        return
    for job in tx.all("open_jobs_of_session", session_id=session_id):
        if job["kind"] == KIND and job["status"] == "waiting":
            job_changes.end_job(tx, job["job_id"], answer={"superseded": True})
    context = context_of(tx, work)
    job_changes.ask(
        tx,
        job_ids,
        NewJob(
            kind=KIND,
            project_id=work["project_id"],
            session_id=session_id,
            hostname=work["hostname"],
            path=work["repository"],
            request=WriteState(
                session_id=session_id,
                path=context.worktree,
                file_name=context.state_file_name,
                content=state_file(context),
            ),
            deadline_ms=DEADLINE_MS,
            created_by="system",
        ),
    )
