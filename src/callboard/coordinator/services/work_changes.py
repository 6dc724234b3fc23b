"""What becomes of a work session's worktree, as work inside a transaction: reserved, prepared, given up, removed.

The session is locked by the caller. Knows no callers and no HTTP.
"""

import json
from typing import Any, Final

import msgspec

from callboard.coordinator.services import job_changes, state_files, task_records
from callboard.coordinator.services.job_changes import UNDO_MS, NewJob
from callboard.coordinator.services.lifecycle_changes import change, work_of
from callboard.coordinator.services.run_changes import RunEnd, end, note_event, refresh_session
from callboard.coordinator.services.worker_contexts import context_of
from callboard.domain import event as event_types
from callboard.domain.ids import NONCE, Ids
from callboard.domain.issue_authors import content_hash
from callboard.domain.lifecycle import ENDED
from callboard.domain.worker_prompt import worker_prompt
from callboard.store.database import Row, Transaction
from callboard.store.events import NewEvent, append
from callboard.wire.jobs import IssueText, Prepared, Undo

MAX_RETRY_MS: Final = 3_600_000
MAX_DOUBLINGS: Final = 20
ABANDONED: Final = "The work ended before its worktree was there."


def tell(tx: Transaction, session: Row, event_type: str, payload: dict[str, Any]) -> None:
    """Appends an event of our own to the session's log."""
    event = NewEvent(type=event_type, payload=msgspec.json.encode(payload))
    append(tx, session["session_id"], session["root_session_id"], [event], run_id=None, attempt=None)


def _with_texts(
    tx: Transaction, work: Row, issues: list[dict[str, Any]], told: list[IssueText]
) -> list[dict[str, Any]]:
    """Issues of a tracker elsewhere as the runner was told them, for good; those of the local one as they are."""
    project = tx.one("project_by_id", project_id=work["project_id"])
    if project is None or project["tracker"] == "local":
        return issues
    texts = {one.number: one for one in told}
    return [_as_fetched(texts[one["number"]]) if one["number"] in texts else one for one in issues]


def _as_fetched(issue: IssueText) -> dict[str, Any]:
    kept = ("number", "title", "body", "author", "allowed_by")
    text_hash = content_hash(issue.number, issue.title, issue.body)
    return {name: getattr(issue, name) for name in kept} | {"content_hash": text_hash}


def prepared(tx: Transaction, session: Row, new_ids: Ids, answer: Prepared) -> bool:
    """The worktree is there: its runs may be claimed. False when nobody wants it any more."""
    session_id = session["session_id"]
    work = tx.one("work_session", session_id=session_id)
    if work is None or work["state"] != "preparing" or session["lifecycle"] in ENDED:
        return False
    tx.run(
        "prepare_work",
        session_id=session_id,
        branch=answer.branch,
        base_branch=answer.base_branch,
        branch_is_ours=int(answer.branch_created),
    )
    workspace = {
        "hostname": work["hostname"],
        "path": answer.path,
        "branch": answer.branch,
        "base_commit": answer.base_commit,
        "repository": work["repository"],
    }
    known = json.loads(session["issues"])
    issues = _with_texts(tx, work, known, answer.issues)
    tx.run(
        "place_of_work",
        session_id=session_id,
        workspace=json.dumps(workspace),
        project_dir=answer.path,
        issues=json.dumps(issues),
        title=title_of(issues) if session["title"] == title_of(known) else session["title"],
        now=tx.now_ms,
    )
    if work["guidance_id"] is not None:  # the runner wrote the state file without it
        state_files.write(tx, session_id, new_ids)
    _let_go(tx, session_id, new_ids.new(NONCE).partition("_")[2])
    tell(tx, session, event_types.SESSION_UPDATED, {"workspace": workspace})
    refresh_session(tx, session_id)
    return True


def title_of(issues: list[dict[str, Any]]) -> str:
    """The title of a session on these issues."""
    first = str(issues[0].get("title") or "")
    numbers = ", ".join(f"#{issue['number']}" for issue in issues)
    title = f"{numbers} {first}".strip()
    return title if len(title) <= 80 else title[:79] + "…"


def _let_go(tx: Transaction, session_id: str, nonce: str) -> None:
    """The first run, which waited for the worktree, is told what is asked of it."""
    work = work_of(tx, session_id)
    first = next((run for run in tx.all("waiting_runs_of_session", session_id=session_id) if run["number"] == 1), None)
    if work is not None and first is not None:
        tx.run("prompt_run", run_id=first["run_id"], prompt=worker_prompt(context_of(tx, work), nonce))


def give_up(tx: Transaction, session: Row, job_ids: Ids, reason: str, runner_id: str | None) -> None:
    """The worktree was not made: nothing is reserved any more, and what a runner began there is removed."""
    session_id = session["session_id"]
    work = work_of(tx, session_id)
    if work is None or work["state"] != "preparing":
        return
    begun = work["hostname"] is not None
    tx.run("move_work", session_id=session_id, state="undoing" if begun else "undone", from_state="preparing")
    if begun:
        undo(tx, job_ids, work, runner_id)
    if work["lifecycle"] not in ENDED:
        change(tx, work, "cancelled", by="callboard", reason=reason)
    for waiting in tx.all("waiting_runs_of_session", session_id=session_id):
        run = tx.one("run_for_report", run_id=waiting["run_id"])
        if run is not None:
            end(tx, run, RunEnd(reason="stopped", stopped_by="lifecycle", event="stop"))
            note_event(tx, run, event_types.NOTE, {"text": reason})
    task_records.put_back(tx, work)


def abandon(tx: Transaction, work: Row, job_ids: Ids) -> None:
    """The work has ended; if its worktree is still being made, that is given up at once."""
    session = tx.one("session_by_id", session_id=work["session_id"])
    if work["state"] != "preparing" or session is None:
        return
    runner_id = None
    for job in tx.all("open_jobs_of_session", session_id=work["session_id"]):
        if job["kind"] == "prepare":
            runner_id = job["runner_id"]
            job_changes.end_job(tx, job["job_id"], error_code="cancelled", error_message=ABANDONED)
    give_up(tx, session, job_ids, ABANDONED, runner_id)


def undo_failed(tx: Transaction, session: Row, runner_id: str | None, reason: str) -> None:
    """What the preparation made is still there; it is tried again. The log says each reason once."""
    work = tx.one("work_session", session_id=session["session_id"])
    tx.run("undo_failed", session_id=session["session_id"], error=reason, runner_id=runner_id, now=tx.now_ms)
    if work is not None and work["undo_error"] != reason:
        text = f"The worktree was not removed: {reason} It is tried again from time to time."
        tell(tx, session, event_types.NOTE, {"text": text})


def undo_again(tx: Transaction, session_id: str, job_ids: Ids, retry_ms: int) -> bool:
    """Has what could not be undone tried again, when it is time; false when somebody else has, or it is not."""
    tx.lock_session(session_id)
    work = tx.one("work_session", session_id=session_id)
    if work is None or work["state"] != "undoing" or not is_due(work, tx.now_ms, retry_ms):
        return False
    undo(tx, job_ids, work, work["undo_runner_id"])
    return True


def is_due(work: Row, now_ms: int, retry_ms: int) -> bool:
    """Whether an undo that failed is tried again: after the interval, then twice as long, at most after an hour."""
    if work["undo_failed_at"] is None:
        return False
    doublings = min(max(work["undo_tries"] - 1, 0), MAX_DOUBLINGS)
    return bool(now_ms >= work["undo_failed_at"] + min(retry_ms << doublings, MAX_RETRY_MS))


def undo(tx: Transaction, job_ids: Ids, work: Row, runner_id: str | None) -> None:
    """Has the runner that took the preparation remove what it made."""
    tx.run("undo_asked", session_id=work["session_id"])
    job_changes.ask(
        tx,
        job_ids,
        NewJob(
            kind="undo",
            project_id=work["project_id"],
            session_id=work["session_id"],
            hostname=work["hostname"],
            path=work["repository"],
            runner_id=runner_id,
            request=Undo(session_id=work["session_id"]),
            deadline_ms=UNDO_MS,
            created_by="system",
        ),
    )
