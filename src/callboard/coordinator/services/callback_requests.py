"""Refuses a run of whose end nobody could be told, before it is made. Delivers nothing."""

from typing import Final

from callboard.coordinator.services.foreign_text import only_executed
from callboard.coordinator.services.new_run import NewRun
from callboard.domain.caller import SYSTEM
from callboard.domain.errors import Conflict, InvalidRequest
from callboard.store.database import Row, Transaction

_SENTENCE: Final = (
    "The executor {!r} of {} runs its prompt as a script, so that it cannot be resumed with the result of a child."
)


def check_callback(tx: Transaction, new: NewRun, parent: Row | None) -> None:
    """InvalidRequest `callback_without_session`; Conflict `callback_undeliverable` where only a shell would hear it.

    What goes on with an earlier request is not refused: its callback is then shown as undeliverable.
    """
    if new.request.execution_mode != "async_callback":
        return
    if parent is None:
        raise InvalidRequest(
            "async_callback resumes the calling session, and there is none.",
            code="callback_without_session",
            hint="Call with a session token, name parent_session_id, or use async_poll.",
        )
    if new.caller is SYSTEM or new.repeats or parent["latest_run_id"] is None:
        return
    latest = tx.one("run_by_id", run_id=parent["latest_run_id"])
    if latest is not None and only_executed(tx, latest["executor_type"]):
        raise Conflict(
            _SENTENCE.format(latest["executor_type"], parent["session_id"]),
            code="callback_undeliverable",
            hint="Wait for the child instead: callboard run … --wait, or execution_mode sync or async_poll.",
        )
