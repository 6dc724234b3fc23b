"""Guidance for a worker as work inside a transaction: kept, current from now on, and told to an agent at work.

The session is locked by the caller. Knows no callers and makes no runs.
"""

from typing import Any

import msgspec

from callboard.coordinator.services import message_changes, state_files
from callboard.coordinator.services.message_changes import SHOWN_CHARACTERS
from callboard.domain import event as event_types
from callboard.domain import ids
from callboard.domain.caller import Caller
from callboard.domain.worker_prompt import guidance_message
from callboard.store.database import Row, Transaction
from callboard.store.events import NewEvent, append


def give(tx: Transaction, work: Row, text: str, by: Caller, new_ids: ids.Ids, live: Row | None = None) -> Row:
    """Makes the text the current guidance; `live` is the run whose agent hears it at once. The work as it is now."""
    guidance_id = new_ids.new(ids.GUIDANCE)
    message_id = None if live is None else new_ids.new(ids.MESSAGE)
    tx.run(
        "insert_guidance",
        guidance_id=guidance_id,
        session_id=work["session_id"],
        text=text,
        message_id=message_id,
        created_by=by.token_id,
        now=tx.now_ms,
    )
    tx.run("give_guidance", session_id=work["session_id"], guidance_id=guidance_id)
    state_files.write(tx, work["session_id"], new_ids)
    _take_back(tx, work)
    if live is None or message_id is None:
        shown = {"text": text[:SHOWN_CHARACTERS]} | ({"truncated": True} if len(text) > SHOWN_CHARACTERS else {})
        _tell(tx, work, {"guidance_id": guidance_id, "by": _who(by)} | shown)
    else:
        message = {
            "message_id": message_id,
            "text": guidance_message(text),
            "created_by": by.token_id,
            "sender_session_id": by.session_id,
            "sender_run_id": by.run_id,
        }
        message_changes.offer(tx, work, live, message, guidance_id=guidance_id, text=text[:SHOWN_CHARACTERS])
    return work | {"guidance_id": guidance_id}


def _take_back(tx: Transaction, work: Row) -> None:
    """Guidance that is not current any more is not said to an agent that has not heard it."""
    for row in tx.all("offered_messages", session_id=work["session_id"]):
        if tx.one("guidance_of_message", message_id=row["message_id"]):
            message_changes.settle(tx, work["session_id"], row["message_id"], "cancelled", row["run_id"])


def _who(by: Caller) -> str:
    return "agent" if by.kind == "session" else "person"


def _tell(tx: Transaction, work: Row, payload: dict[str, Any]) -> None:
    append(
        tx,
        work["session_id"],
        work["root_session_id"],
        [NewEvent(type=event_types.GUIDANCE, payload=msgspec.json.encode(payload))],
        run_id=None,
        attempt=None,
    )
