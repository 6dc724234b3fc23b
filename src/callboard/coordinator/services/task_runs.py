"""Runs of tasks as work inside a transaction: what judges a run, what that said, and the run that follows on another.

Decides nothing; the session is locked by the caller.
"""

import json
import secrets
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from callboard.domain import event as event_types
from callboard.domain import ids
from callboard.domain.checks import Check, CheckOutcome
from callboard.store.database import Row, Transaction
from callboard.store.events import NewEvent, append
from callboard.store.hints import RunChanged

TRIGGER: Final = "task"
NEWEST: Final = "~"
"""Above every id."""
RANDOM_BITS: Final = 74
_COPIED: Final = (
    "agent",
    "agent_name",
    "executor_type",
    "demands",
    "demand_class",
    "execution_mode",
    "priority",
    "limits",
    "on_lost",
    "repeatable",
    "model",
    "permission_mode",
    "project_dir",
    "traceparent",
    "created_by",
    "no_match_ms",
)
"""What a run of the loop has of the run before it."""


class IdsOf:
    """New ids inside a transaction, by its clock."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def new(self, prefix: str) -> str:
        """A new id with this prefix."""
        return ids.encode(prefix, ids.uuid7(self._tx.now_ms, secrets.randbits(RANDOM_BITS)))


def is_of_task(run: Row) -> bool:
    """Whether a run is an iteration of a task, or writes the summary of a milestone."""
    return run["task_id"] is not None or run["trigger"] == TRIGGER


def checks_of(tx: Transaction, task: Row) -> list[Check]:
    """What judges a task: its own checks, else those of its project."""
    own = json.loads(task["checks"])
    if not own:
        project = tx.one("project_by_id", project_id=task["project_id"])
        own = json.loads(project["settings"]).get("checks", []) if project else []
    return [Check(name=one) if isinstance(one, str) else msgspec.convert(one, Check) for one in own]


def judged(row: Row) -> tuple[list[Check], list[CheckOutcome]]:
    """What was to judge a run, and what that said."""
    checks = msgspec.json.decode(row["checks"], type=list[Check])
    return checks, msgspec.json.decode(row["outcomes"] or "[]", type=list[CheckOutcome])


def claimed(tx: Transaction, run: Row) -> list[Check]:
    """What is to judge a run that was just claimed."""
    row = tx.one("task_run", run_id=run["run_id"]) if is_of_task(run) else None
    return judged(row)[0] if row else []


def note_outcomes(tx: Transaction, run: Row, outcomes: Sequence[CheckOutcome]) -> None:
    """Keeps what the checks of a run said."""
    if outcomes and is_of_task(run):
        tx.run("answer_task_run", run_id=run["run_id"], outcomes=msgspec.json.encode(outcomes).decode())


def failing_checks(tx: Transaction, session_id: str) -> list[tuple[int, CheckOutcome]]:
    """The checks that did not pass when the session's tasks were judged last, with the issue of each."""
    found = []
    for task in tx.all("tasks_of_session", session_id=session_id):
        row = tx.one("latest_outcomes", task_id=task["task_id"], before=NEWEST, session_id=session_id)
        outcomes = msgspec.json.decode(row["outcomes"], type=list[CheckOutcome]) if row else []
        found += [(task["number"], one) for one in outcomes if not one.passed]
    return found


def is_iteration(tx: Transaction, task: Row, run_id: str, session_id: str, iteration: int) -> None:
    """The run is this iteration of the task."""
    _insert(
        tx,
        run_id,
        session_id,
        task_id=task["task_id"],
        milestone_id=task["milestone_id"],
        iteration=iteration,
        checks=msgspec.json.encode(checks_of(tx, task)).decode(),
    )
    tx.run("task_of_run", run_id=run_id, task_id=task["task_id"])


def is_summary(tx: Transaction, milestone_id: str, run_id: str, session_id: str) -> None:
    """The run writes the summary of the milestone."""
    _insert(tx, run_id, session_id, task_id=None, milestone_id=milestone_id, iteration=0, checks="[]")


def _insert(tx: Transaction, run_id: str, session_id: str, **columns: Any) -> None:
    tx.run("insert_task_run", run_id=run_id, session_id=session_id, **columns)


def add_run(tx: Transaction, work: Row, prompt: str) -> str:
    """One more run of the session, like its latest one; it is offered when the session is refreshed. Its id.

    What its agent is told is written when it is claimed; the prompt stands in for that.
    """
    session_id = work["session_id"]
    before = tx.one("run_by_id", run_id=work["latest_run_id"])
    if before is None:
        raise RuntimeError(f"{session_id} has lost its latest run")
    run_id = IdsOf(tx).new(ids.RUN)
    tx.run("waits_no_longer_for", session_id=session_id, waiting_for="report")
    taken = tx.one(
        "add_run_to_session",
        session_id=session_id,
        run_id=run_id,
        executor_type=before["executor_type"],
        now=tx.now_ms,
    )
    if taken is None:
        raise RuntimeError(f"session {session_id} vanished inside a transaction")
    tx.run(
        "insert_run",
        run_id=run_id,
        session_id=session_id,
        number=taken["run_count"],
        type="resume_session",
        trigger=TRIGGER,
        prompt=prompt,
        parameters=None,
        from_log=0,
        caller_session_id=None,
        queue_key=None,
        queue_deadline_at=None,
        retry_of=None,
        created_at=tx.now_ms,
        **{name: before[name] for name in _COPIED},
    )
    queued = {"run_id": run_id, "number": taken["run_count"], "type": "resume_session", "trigger": TRIGGER}
    tell(tx, work, event_types.RUN_QUEUED, queued, run_id=run_id)
    tx.hint(RunChanged(run_id=run_id, session_id=session_id, status="pending"))
    return run_id


def tell(tx: Transaction, work: Row, event_type: str, payload: dict[str, Any], *, run_id: str | None = None) -> None:
    """An event of ours in the session's log."""
    event = NewEvent(type=event_type, payload=msgspec.json.encode(payload))
    append(tx, work["session_id"], work["root_session_id"], [event], run_id=run_id, attempt=None)
