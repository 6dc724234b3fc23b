"""Messages for a live run as work inside a transaction: row, event and the order for its runner.

The session is locked by the caller. Knows no callers and makes no runs.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from callboard.domain import event as event_types
from callboard.domain.message import MessageStatus
from callboard.store.database import Row, Transaction
from callboard.store.events import NewEvent, append
from callboard.store.hints import RunnerTold
from callboard.wire.runner import MessageOrder

ORDERS_IN_ONE_ANSWER: Final = 16
"""A text may have a megabyte; the others follow when these are taken."""
SHOWN_CHARACTERS: Final = 16_384


class _Taken(msgspec.Struct):
    """What is looked at of a message that an agent took."""

    role: str = ""
    message_id: str = ""


def offer(tx: Transaction, session: Row, live: Row, message: dict[str, Any], **told: Any) -> None:
    """Writes a message for the live run, tells the log (and `told` besides), and wakes the runner."""
    tx.run("insert_message", **message, session_id=session["session_id"], run_id=live["run_id"], now=tx.now_ms)
    text = message["text"]
    by = "agent" if message["sender_session_id"] else "person"
    shown: dict[str, Any] = {"text": text[:SHOWN_CHARACTERS], "run_id": live["run_id"], "by": by} | told
    if len(text) > SHOWN_CHARACTERS:
        shown["truncated"] = True
    _tell(tx, session, message["message_id"], "offered", **shown)
    tx.hint(RunnerTold(runner_id=live["runner_id"]))


def orders_for(tx: Transaction, runner_id: str) -> list[MessageOrder]:
    """What agents of a runner have not taken yet; said again until they have."""
    rows = tx.all("messages_for_runner", runner_id=runner_id, limit=ORDERS_IN_ONE_ANSWER)
    return [MessageOrder(**{name: row[name] for name in ("run_id", "attempt", "message_id", "text")}) for row in rows]


def take(tx: Transaction, run: Row, messages: Sequence[bytes]) -> None:
    """The agent of a run took messages: what says so is stored in this transaction, and that is final."""
    for payload in messages:
        if b'"message_id"' in payload:
            taken = _read(payload)
            if taken.role == "user" and taken.message_id:
                settle(tx, run["session_id"], taken.message_id, "taken", run["run_id"])


def settle(tx: Transaction, session_id: str, message_id: str, status: MessageStatus, run_id: str) -> bool:
    """Writes what became of a message; false when that was known."""
    settled = {"message_id": message_id, "session_id": session_id, "status": status, "run_id": run_id}
    return bool(tx.run("settle_message", **settled, now=tx.now_ms))


def cancel(tx: Transaction, session: Row) -> None:
    """The session was stopped: what its agent has not taken is not said any more."""
    for row in tx.all("offered_messages", session_id=session["session_id"]):
        settle(tx, session["session_id"], row["message_id"], "cancelled", row["run_id"])
        _tell(tx, session, row["message_id"], "cancelled", run_id=row["run_id"])


def refuse(tx: Transaction, session: Row, row: Row, why: str) -> None:
    """Its run has ended and no other can be made for it."""
    settle(tx, session["session_id"], row["message_id"], "refused", row["run_id"])
    _tell(tx, session, row["message_id"], "refused", run_id=row["run_id"], why=why)


def _read(payload: bytes) -> _Taken:
    try:
        return msgspec.json.decode(payload, type=_Taken)
    except msgspec.DecodeError:
        return _Taken()


def _tell(tx: Transaction, session: Row, message_id: str, status: MessageStatus, **more: Any) -> None:
    payload = {"message_id": message_id, "status": status} | more
    append(
        tx,
        session["session_id"],
        session["root_session_id"],
        [NewEvent(type=event_types.GUIDANCE, payload=msgspec.json.encode(payload))],
        run_id=None,
        attempt=None,
    )
