"""Every change of a callback as work inside a transaction, with its event in the receiver's log.

The receiver's session is locked by the caller, except where a child ends: that writes the row alone, and what follows
is done when the receiver is looked at. Knows no callers and makes no runs.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from callboard.domain import event as event_types
from callboard.domain import ids
from callboard.domain.callback import (
    CALLBACK,
    MAX_IN_ONE_PROMPT,
    NONCE_PARAMETER,
    PLACEHOLDER_PROMPT,
    ChildEnd,
    after_run,
    compose,
)
from callboard.store.database import Row, Transaction
from callboard.store.events import NewEvent, append
from callboard.store.hints import CallbackDue

STOPPED_SENTENCE: Final = "The session was stopped; what ended meanwhile goes with the next run that somebody starts."
TRIES_SENTENCE: Final = "Three runs that were to carry it ended before the agent had taken it."
_EVENTS: Final = {
    "waiting": event_types.CALLBACK_WAITING,
    "assigned": event_types.CALLBACK_ASSIGNED,
    "accepted": event_types.CALLBACK_ACCEPTED,
    "held": event_types.CALLBACK_HELD,
    "undeliverable": event_types.CALLBACK_UNDELIVERABLE,
}
MAX_HELD: Final = 1000
"""How many callbacks of a session are looked at together."""
_ADDS_HELD: Final = ("user", "agent")
"""Triggers of runs that somebody starts."""


def note_child_end(tx: Transaction, run: Row) -> None:
    """Writes the callback of a run that has just ended, if a session waits for it; in the transaction of that end."""
    receiver = run["caller_session_id"]
    if run["execution_mode"] != "async_callback" or receiver is None:
        return
    new = tx.run(
        "insert_callback",
        callback_id=ids.encode(ids.CALLBACK, ids.uuid_of(run["run_id"])),
        child_run_id=run["run_id"],
        child_session_id=run["session_id"],
        receiver_session_id=receiver,
        now=tx.now_ms,
    )
    if new:
        tx.hint(CallbackDue(session_id=receiver))


def give_back(tx: Transaction, run: Row, stopped_by: str | None) -> None:
    """What a run carried and did not accept waits again, is held, or is given up; in the transaction of its end."""
    rows = tx.all("callbacks_of_run", run_id=run["run_id"])
    if not rows:
        return
    session = tx.one("session_by_id", session_id=run["session_id"])
    held = bool(session and session["callbacks_held"]) and stopped_by is not None
    for row in rows:
        event, tries = after_run(row["tries"], stopped=stopped_by is not None, held=held)
        if row["status"] == "waiting" and event == "return":
            tx.run("move_callback", **_columns(tx, row, "waiting", tries=tries, run_id=None))
        else:
            why = {"hold": STOPPED_SENTENCE, "give_up": TRIES_SENTENCE}.get(event)
            move(tx, session, row, event, tries=tries, why=why, run_id=None)
    tx.hint(CallbackDue(session_id=run["session_id"]))


def assign(tx: Transaction, run: Row, new_ids: ids.Ids) -> Row:
    """Writes what waits for the session into the prompt of a run that was just claimed; the run as it is now.

    A callback run takes all that waits; a run that somebody started takes what was held. A run is given its callbacks
    once: claimed again, it has them still.
    """
    parameters = json.loads(run["parameters"]) if run["parameters"] else {}
    rows = [] if NONCE_PARAMETER in parameters else _carried(tx, run)
    if not rows:
        return run
    session = tx.one("session_by_id", session_id=run["session_id"])
    ends = [msgspec.convert(tx.one("child_end", run_id=row["child_run_id"]), ChildEnd) for row in rows]
    nonce = new_ids.new(ids.NONCE).partition("_")[2]
    asked = "" if run["prompt"] == PLACEHOLDER_PROMPT else run["prompt"] or ""
    written = {"prompt": compose(ends, nonce, asked), "parameters": json.dumps(parameters | {NONCE_PARAMETER: nonce})}
    tx.run("write_prompt", run_id=run["run_id"], **written)
    for row in rows:
        move(tx, session, row, "assign", run_id=run["run_id"])
    return run | written


def _carried(tx: Transaction, run: Row) -> list[Row]:
    of_session = {"session_id": run["session_id"], "limit": MAX_IN_ONE_PROMPT}
    if run["trigger"] == "callback":
        return tx.all("waiting_callbacks", **of_session)
    return tx.all("held_callbacks", **of_session) if run["trigger"] in _ADDS_HELD else []


def accept(tx: Transaction, run: Row, messages: Sequence[bytes]) -> None:
    """The agent took the prompt: its message with the nonce is stored in this transaction, and that is final."""
    nonce = json.loads(run["parameters"]).get(NONCE_PARAMETER) if run["parameters"] else None
    if nonce is None or not any(nonce.encode() in message and b'"user"' in message for message in messages):
        return
    session = tx.one("session_by_id", session_id=run["session_id"])
    for row in tx.all("callbacks_of_run", run_id=run["run_id"]):
        if row["status"] == "assigned":
            move(tx, session, row, "accept", run_id=run["run_id"], accepted_at=tx.now_ms)


def hold(tx: Transaction, session_id: str) -> None:
    """A person or its parent stopped the session: callbacks do not wake it until somebody starts it again."""
    tx.run("hold_callbacks", session_id=session_id, held=1)
    tx.hint(CallbackDue(session_id=session_id))


def let_go(tx: Transaction, session_id: str) -> None:
    """A halt is over: what was held waits again, unless a run that somebody started will take it along."""
    if any(run["trigger"] in _ADDS_HELD for run in tx.all("waiting_runs_of_session", session_id=session_id)):
        return
    session = tx.one("session_by_id", session_id=session_id)
    for row in tx.all("held_callbacks", session_id=session_id, limit=MAX_HELD):
        move(tx, session, row, "deliver", tries=0, run_id=None)
    tx.hint(CallbackDue(session_id=session_id))


def move(tx: Transaction, session: Row | None, row: Row, event: str, **changes: Any) -> None:
    """One step of a callback by the table of domain.callback, told in the receiver's log while there is one."""
    status = CALLBACK.next_state(row["status"], event)
    columns = _columns(tx, row, status, **({"why": None} | changes))
    if tx.run("move_callback", **columns) and session is not None:
        tell(tx, session, row | columns)


def _columns(tx: Transaction, row: Row, status: str, **changes: Any) -> dict[str, Any]:
    kept = {name: row[name] for name in ("callback_id", "run_id", "tries", "why", "accepted_at")}
    return kept | changes | {"status": status, "from_status": row["status"], "now": tx.now_ms}


def tell(tx: Transaction, session: Row, row: Row) -> None:
    """The event of the callback's present state in the receiver's log."""
    names = ("callback_id", "child_session_id", "child_run_id", "run_id", "why")
    payload = {name: row[name] for name in names if row[name] is not None}
    append(
        tx,
        session["session_id"],
        session["root_session_id"],
        [NewEvent(type=_EVENTS[row["status"]], payload=msgspec.json.encode(payload))],
        run_id=None,
        attempt=None,
    )
