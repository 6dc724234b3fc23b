"""The callboard itself: every session by who must act next, with one line each. Changes nothing."""

from collections.abc import Sequence
from typing import Any, Final, get_args

import msgspec

from callboard.coordinator.services.budget_changes import exhausted_sentence
from callboard.coordinator.services.lifecycle_changes import BUDGET
from callboard.coordinator.services.rendering import group_of_row
from callboard.coordinator.services.session_lists import project_of_query, shown_sessions
from callboard.domain.caller import Caller
from callboard.domain.event import MESSAGE, PRE_TOOL
from callboard.domain.run import REASON_SENTENCES
from callboard.domain.session import Group
from callboard.store.database import Database, Row, Transaction
from callboard.store.events import page_by_seq
from callboard.store.reading import session_cards
from callboard.wire.board import Board, BoardGroup, BoardSession
from callboard.wire.responses import Session
from callboard.wire.times import rfc3339

GROUPS: Final[tuple[Group, ...]] = get_args(Group)
MOST_IN_HAND: Final = 2_000
"""Sessions outside Done that are looked at; of more, the oldest that only wait in the queue are left out."""
MOST_DONE: Final = 1_000
TAIL: Final = 12
"""Events at the end of a log in which the newest word of an agent is looked for."""
HEADLINE: Final = 200
ASKED: Final = ("approval", "question")
"""What a session waits for when an agent's request is open."""
_TAIL_TYPES: Final = frozenset({MESSAGE, PRE_TOOL})


class BoardService:
    """Reads the callboard."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, caller: Caller, limit: int, project: str | None) -> Board:
        """All groups, each with at most so many sessions."""
        return await self._database.read(lambda tx: _board(tx, project_of_query(tx, caller, project), limit))


def _board(tx: Transaction, project_id: str, limit: int) -> Board:
    in_hand = [row["session_id"] for row in tx.all("sessions_in_hand", project_id=project_id, limit=MOST_IN_HAND)]
    cards = session_cards(tx, in_hand)
    by_group: dict[str, list[Row]] = {group: [] for group in GROUPS}
    for session_id in in_hand:
        by_group[group_of_row(cards[session_id])].append(cards[session_id])
    since = {one: _since(tx, cards[one]) for one in in_hand}
    for rows in by_group.values():
        rows.sort(key=lambda row: since[row["session_id"]])
    totals = {group: len(rows) for group, rows in by_group.items()}
    shown = {group: rows[:limit] for group, rows in by_group.items()}
    shown["done"], totals["done"] = _done(tx, project_id, set(in_hand), by_group["done"], limit)
    return Board(at=rfc3339(tx.now_ms), groups=[_group(tx, name, totals[name], shown[name]) for name in GROUPS])


def _since(tx: Transaction, row: Row) -> int:
    """Since when the session waits, works or is done, in Unix milliseconds."""
    if row["waiting_for"] in ASKED:
        pending = tx.one("oldest_pending_approval", session_id=row["session_id"])
        if pending is not None:
            return int(pending["requested_at"])
    run = tx.one("run_to_tell_of", session_id=row["session_id"]) or {}
    moments = ("ended_at", "interrupted_at", "started_at", "created_at")
    return int(next((run[name] for name in moments if run.get(name)), row["created_at"]))


def _done(
    tx: Transaction, project_id: str, in_hand: set[str], also: Sequence[Row], limit: int
) -> tuple[list[Row], int]:
    """The newest that are done, those that wait for nothing but were looked at among them; and how many there are."""
    roots = [row["session_id"] for row in tx.all("sessions_on_board", project_id=project_id, limit=MOST_DONE)]
    ids = [one for one in roots if one not in in_hand]
    ids += [row["session_id"] for row in also if row["parent_session_id"] is None and row["archived_at"] is None]
    ids.sort(reverse=True)
    cards = session_cards(tx, ids[:limit])
    return [cards[one] for one in ids[:limit]], len(ids)


def _group(tx: Transaction, name: str, total: int, rows: Sequence[Row]) -> BoardGroup:
    shown = shown_sessions(tx, [row["session_id"] for row in rows])
    sessions = [_session(tx, name, row, session) for row, session in zip(rows, shown, strict=True)]
    return BoardGroup(group=name, total=total, sessions=sessions)


def _session(tx: Transaction, group: str, row: Row, session: Session) -> BoardSession:
    fields = {name: getattr(session, name) for name in session.__struct_fields__}
    headline = _line(_headline(tx, group, row))
    return BoardSession(**fields, headline=headline, since=rfc3339(_since(tx, row)))


def _headline(tx: Transaction, group: str, row: Row) -> str | None:
    if row["waiting_for"] in ASKED:
        pending = tx.one("oldest_pending_approval", session_id=row["session_id"])
        if pending is not None:
            return _question(pending)
    if row["waiting_for"] == BUDGET:
        said = exhausted_sentence(tx, row["pool_session_id"]) or _end_of_last_run(tx, row)
    else:
        said = _end_of_last_run(tx, row) if group == "done" else None
    return said or _latest_word(tx, row)


def _end_of_last_run(tx: Transaction, row: Row) -> str | None:
    """What came of it, or why not; None of one that completed without a word."""
    found = tx.one("run_to_tell_of", session_id=row["session_id"])
    if found is None or found["reason"] is None:
        return None
    said = found["error_message"] or found["result_text"]
    return said or (None if found["reason"] == "completed" else REASON_SENTENCES.get(found["reason"]))


def _question(pending: Row) -> str:
    """What an agent asks permission for, in its words, or in short where those only repeat the call."""
    call = f"{pending['tool_name']} {_argument(msgspec.json.decode(pending['tool_input']))}".strip()
    said = str(pending["description"])
    return call if not said or said.startswith(f"{pending['tool_name']} {{") else said


def _latest_word(tx: Transaction, row: Row) -> str | None:
    """What the agent said or began to do last."""
    events = page_by_seq(tx, row["session_id"], max(0, row["last_seq"] - TAIL), TAIL, _TAIL_TYPES).events
    for event in reversed(events):
        told = msgspec.json.decode(event.payload)
        if not isinstance(told, dict):
            continue
        if event.type == PRE_TOOL and isinstance(told.get("tool_name"), str):
            return f"{told['tool_name']} {_argument(told.get('tool_input'))}"
        if told.get("role") == "assistant" and (text := _text(told.get("content"))):
            return text
    return None


def _argument(tool_input: Any) -> str:
    """What a call is about: its command, else the first text among its arguments."""
    values = [tool_input.get("command"), *tool_input.values()] if isinstance(tool_input, dict) else []
    return next((value for value in values if isinstance(value, str) and value), "")


def _text(content: Any) -> str:
    blocks = content if isinstance(content, list) else ()
    return "".join(one["text"] for one in blocks if isinstance(one, dict) and isinstance(one.get("text"), str))


def _line(text: str | None) -> str | None:
    """The first line that says something, cut."""
    lines = (line.strip() for line in (text or "").splitlines())
    return next((line[:HEADLINE] for line in lines if line), None)
