"""What lists, pages and trees read of sessions: functions over a transaction that return rows.

Knows no caller: who may see a row is decided above.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from callboard.store.database import Row, Transaction

NEWEST: Final = "ses_" + "z" * 26
"""Above every session id: where a list begins."""
WINDOW: Final = 1_000
MAX_WINDOWS: Final = 10
MAX_TREE: Final = 1_000


class SessionFilters(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of sessions is narrowed to; the empty text is no filter. All that are set must hold."""

    status: str = ""
    agent_name: str = ""
    parent_session_id: str = ""
    root_session_id: str = ""
    project_id: str = ""
    work: bool = False
    """Only work sessions."""
    lifecycle: str = ""
    """Only work sessions in this one; `active`: in one that has not ended."""
    runner_id: str = ""
    """Only sessions whose live run this runner holds."""


_QUERIES: Final = (
    ("runner_id", "sessions_of_runner"),
    ("work", "sessions_of_work"),
    ("parent_session_id", "sessions_of_parent"),
    ("root_session_id", "sessions_of_root"),
    ("agent_name", "sessions_of_agent"),
    ("project_id", "sessions_of_project"),
    ("status", "sessions_of_status"),
)
"""Which query a list takes: that of the first filter set, in the order of how few rows each leaves."""


_ONLY: Final = {
    "runner_id": ("sessions_of_runner",),
    "lifecycle": ("sessions_of_work",),
    "work": (),
}
"""Filters that only some queries take."""


def session_cards(tx: Transaction, session_ids: Sequence[str]) -> dict[str, Row]:
    """Sessions with what their answers show besides their columns, by id; what is not there is missing."""
    found = tx.all("session_cards", ids=msgspec.json.encode(session_ids).decode())
    return {row["session_id"]: row for row in found}


def work_cards(tx: Transaction, session_ids: Sequence[str]) -> dict[str, Row]:
    """What only work sessions have, by id; of a page without one nothing is asked."""
    if not session_ids:
        return {}
    found = tx.all("work_cards", ids=msgspec.json.encode(session_ids).decode())
    return {row["session_id"]: row for row in found}


def candidate_sessions(tx: Transaction, filters: SessionFilters, before: str, limit: int) -> list[Row]:
    """Ids, titles, agents and labels of the newest sessions below an id that the filters leave."""
    query = next((query for name, query in _QUERIES if getattr(filters, name)), "sessions_newest")
    values = msgspec.to_builtins(filters)
    for name, queries in _ONLY.items():
        if query not in queries:
            del values[name]
    return tx.all(query, **values, before=before, limit=limit)


def session_page(
    tx: Transaction,
    filters: SessionFilters,
    accepts: Callable[[Row], bool] | None,
    *,
    before: str,
    limit: int,
) -> tuple[list[str], str | None]:
    """The ids of a page, and after which id the next one begins (None: nothing follows).

    With `accepts`, which a database cannot index, at most 10,000 rows are looked at for one page; a page may then
    be short, or empty, and still have a next one.
    """
    if accepts is None:
        rows = candidate_sessions(tx, filters, before, limit + 1)
        ids = [row["session_id"] for row in rows[:limit]]
        return ids, ids[-1] if len(rows) > limit else None
    chosen: list[str] = []
    for _ in range(MAX_WINDOWS):
        rows = candidate_sessions(tx, filters, before, WINDOW)
        for row in filter(accepts, rows):
            if len(chosen) == limit:
                return chosen, chosen[-1]
            chosen.append(row["session_id"])
        if len(rows) < WINDOW:
            return chosen, None
        before = rows[-1]["session_id"]
    return chosen, before


def subtree(tx: Transaction, session_id: str) -> list[Row]:
    """A session and all below it, parents before children; at most 1,000."""
    return tx.all("subtree", session_id=session_id, limit=MAX_TREE)


def sessions_ending_in(tx: Transaction, ending: str, limit: int) -> list[str]:
    """Ids that end in these characters of an id, newest first."""
    return [row["session_id"] for row in tx.all("sessions_ending_in", ending=ending, limit=limit)]


def sessions_on_issue(tx: Transaction, number: int, project_id: str) -> list[str]:
    """The active work sessions on an issue, else the latest that was; newest first. Empty project: over all.

    Active is every lifecycle but complete, cancelled and deleted, whatever the runs do.
    """
    place = {"number": number, "project_id": project_id}
    rows = tx.all("active_sessions_on_issue", **place) or tx.all("latest_session_on_issue", **place)
    return [row["session_id"] for row in rows]
