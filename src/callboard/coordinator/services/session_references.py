"""What people call a session: its id, the last characters of it, or the number of an issue."""

import re
from typing import Final

from callboard.coordinator.services.access import visible_session
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, InvalidRequest, NotFound
from callboard.domain.ids import SESSION, is_id
from callboard.store.database import Row, Transaction
from callboard.store.reading import sessions_ending_in, sessions_on_issue

MAX_CANDIDATES: Final = 20
_NUMBER: Final = re.compile(r"^[0-9]{1,15}$")
_ENDING: Final = re.compile(r"^(?=.*[a-z])[0-9a-hjkmnp-tv-z]{6,26}$")


def find_session(tx: Transaction, caller: Caller, reference: str, project_id: str) -> Row | None:
    """The session that a reference means, in a project or (empty) in all, or None.

    InvalidRequest `invalid_id` when the text is no reference, Conflict `ambiguous_reference` when several fit.
    """
    found = [
        row
        for session_id in _candidates(tx, reference.lower(), project_id)
        if (row := _visible(tx, caller, session_id)) and project_id in ("", row["project_id"])
    ]
    if len(found) > 1:
        raise Conflict(
            f"{len(found)} sessions fit {reference!r}.",
            code="ambiguous_reference",
            hint="Give more characters of the id, or name the project: CALLBOARD_PROJECT=NAME before the command.",
            errors=[
                {name: row[name] for name in ("session_id", "title", "status", "project_id")}
                for row in found[:MAX_CANDIDATES]
            ],
        )
    return found[0] if found else None


def _candidates(tx: Transaction, reference: str, project_id: str) -> list[str]:
    if is_id(SESSION, reference):
        return [reference]
    if _NUMBER.match(reference):
        return sessions_on_issue(tx, int(reference), project_id)
    if _ENDING.match(reference):
        return sessions_ending_in(tx, reference, MAX_CANDIDATES)
    raise InvalidRequest(
        f"{reference[:80]!r} is no session reference.",
        code="invalid_id",
        hint="Give a session id, at least its last 6 characters with a letter among them, or an issue's number.",
        errors=[{"pointer": "/ref", "message": "no session reference"}],
    )


def _visible(tx: Transaction, caller: Caller, session_id: str) -> Row | None:
    try:
        return visible_session(tx, caller, session_id)
    except NotFound:
        return None
