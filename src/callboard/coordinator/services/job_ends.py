"""What follows from the end of a job, by its kind, inside the transaction that ends it. Asks nobody."""

import json
from typing import Any, Final, Protocol

import msgspec

from callboard.coordinator.services import state_files, work_changes
from callboard.domain.errors import InvalidRequest
from callboard.domain.event import NOTE, SESSION_UPDATED
from callboard.domain.ids import Ids
from callboard.store.database import Row, Transaction
from callboard.wire import jobs as wire

_ANSWERS: Final[dict[str, Any]] = {
    "prepare": wire.Prepared,
    "remove": wire.Removed,
    "ship": wire.Shipped,
    "diff": wire.DiffText,
    "list_worktrees": list[wire.Worktree],
    "fetch_issues": list[wire.IssueText],
}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job could not be done."""

    code: str
    message: str
    hint: str = ""

    @property
    def sentence(self) -> str:
        """What it says to people."""
        return f"{self.message} {self.hint}".strip()


class _After(Protocol):
    def __call__(self, tx: Transaction, job_ids: Ids, job: Row, session: Row, answer: Any, /) -> None: ...


def check_answer(kind: str, answer: Any) -> Any:
    """What a runner answers, as its kind of job wants it; InvalidRequest when it is something else."""
    shape = _ANSWERS.get(kind)
    if shape is None:
        return answer
    try:
        return msgspec.convert(answer, shape)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The answer to a job of the kind {kind} is not what it should be: {error}.") from None


def why_unjudged(job: Row, answer: Any) -> Failure | None:
    """Why work cannot begin with what a runner fetched: one of an older version does not ask who wrote it."""
    if job["kind"] != "prepare" or job["session_id"] is None or json.loads(job["request"])["tracker"] == "local":
        return None
    if all(issue.allowed_by for issue in answer.issues):
        return None
    return Failure(
        code="issue_author",
        message="The runner has not judged who wrote the issues.",
        hint="Install the coordinator's version there, then spawn again.",
    )


def after_done(tx: Transaction, job_ids: Ids, job: Row, answer: Any) -> None:
    """The job is done."""
    if job["kind"] == "fetch_issues":
        _keep_issues(tx, job["project_id"], answer)
        _close_others(tx, job, answer)
        return
    if job["kind"] == "remove" and job["session_id"] is None:
        _removed_by_path(tx, job_ids, job, answer)
    session = tx.one("session_by_id", session_id=job["session_id"]) if job["session_id"] else None
    follows = _DONE.get(job["kind"])
    if session is not None and follows is not None:
        follows(tx, job_ids, job, session, answer)


def after_failed(tx: Transaction, job_ids: Ids, job: Row, failure: Failure) -> None:
    """The job could not be done, or was not in time."""
    session = tx.one("session_by_id", session_id=job["session_id"]) if job["session_id"] else None
    if session is None:
        return
    if job["kind"] == "prepare":
        work_changes.give_up(tx, session, job_ids, failure.sentence, job["runner_id"])
    elif job["kind"] == "undo":
        work_changes.undo_failed(tx, session, job["runner_id"], failure.sentence)


def _prepared(tx: Transaction, job_ids: Ids, job: Row, session: Row, answer: wire.Prepared) -> None:
    _keep_issues(tx, job["project_id"], answer.issues, session)
    if not work_changes.prepared(tx, session, job_ids, answer):
        undo_late(tx, job_ids, job)


def undo_late(tx: Transaction, job_ids: Ids, job: Row) -> None:
    """What was made after its time is removed, unless that is asked for already."""
    session = tx.one("session_by_id", session_id=job["session_id"])
    open_jobs = tx.all("open_jobs_of_session", session_id=job["session_id"])
    if session is None or any(row["kind"] == "undo" for row in open_jobs):
        return
    work = tx.one("work_session", session_id=job["session_id"])
    if work is None:
        return
    if work["state"] == "preparing":  # the session was cancelled meanwhile
        work_changes.give_up(tx, session, job_ids, "The session was cancelled.", job["runner_id"])
    elif work["state"] in ("undoing", "undone"):
        tx.run("move_work", session_id=job["session_id"], state="undoing", from_state="undone")
        work_changes.undo(
            tx, job_ids, work | {"hostname": job["hostname"], "repository": job["path"]}, job["runner_id"]
        )


def _undone(tx: Transaction, _job_ids: Ids, job: Row, _session: Row, _answer: Any) -> None:
    tx.run("undone", session_id=job["session_id"])


def _removed_by_path(tx: Transaction, job_ids: Ids, job: Row, answer: wire.Removed) -> None:
    """A worktree that was removed as a leftover is that of no session any more."""
    for row in tx.all("worktrees_of_host", hostname=job["hostname"]):
        if row["project_id"] == job["project_id"] and json.loads(row["workspace"])["path"] == answer.path:
            tx.lock_session(row["session_id"])
            session = tx.one("session_by_id", session_id=row["session_id"])
            if session is not None:
                _removed(tx, job_ids, job | {"session_id": row["session_id"]}, session, answer)


def _removed(tx: Transaction, _job_ids: Ids, job: Row, session: Row, answer: wire.Removed) -> None:
    tx.run("move_work", session_id=job["session_id"], state="removed", from_state="prepared")
    work_changes.tell(tx, session, NOTE, {"text": f"The worktree {answer.path} was removed.", "lost": answer.lost})


def _shipped(tx: Transaction, job_ids: Ids, job: Row, session: Row, answer: wire.Shipped) -> None:
    tx.run("shipped_work", session_id=job["session_id"], url=answer.pull_request_url)
    state_files.write(tx, job["session_id"], job_ids)
    work_changes.tell(tx, session, SESSION_UPDATED, {"pull_request_url": answer.pull_request_url})
    if answer.unnoted is not None:
        work_changes.tell(tx, session, NOTE, {"text": answer.unnoted})


def _keep_issues(tx: Transaction, project_id: str, found: list[wire.IssueText], session: Row | None = None) -> None:
    """Remembers issues of a tracker elsewhere as they are there now."""
    project = tx.one("project_by_id", project_id=project_id)
    if project is None or project["tracker"] == "local":
        return
    wanted = None if session is None else {one["number"] for one in json.loads(session["issues"])}
    for issue in found:
        if wanted is None or issue.number in wanted:
            tx.run(
                "insert_issue",
                project_id=project_id,
                number=issue.number,
                title=issue.title,
                body=issue.body,
                state=issue.state if issue.state in ("open", "closed") else "open",
                fetched_at=tx.now_ms,
                now=tx.now_ms,
            )


def _close_others(tx: Transaction, job: Row, found: list[wire.IssueText]) -> None:
    """The tracker was asked for what is open, newest first: what it did not name is so no more."""
    asked = msgspec.json.decode(job["request"], type=wire.FetchIssues)
    if asked.numbers:
        return
    whole = len(found) < min(max(asked.limit, 1), wire.MAX_FETCHED)
    lowest = 0 if whole else min(one.number for one in found)
    tx.run("close_other_issues", project_id=job["project_id"], lowest=lowest, now=tx.now_ms)


_DONE: Final[dict[str, _After]] = {"prepare": _prepared, "undo": _undone, "remove": _removed, "ship": _shipped}
