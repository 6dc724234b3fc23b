"""How work on issues stands, from its rows: what its next step depends on. Decides nothing, changes nothing."""

import json
from collections.abc import Mapping
from typing import Any

from callboard.coordinator.services.budget_changes import short_to_start
from callboard.domain.budget import Shortage
from callboard.domain.work_step import Emptied, Standing
from callboard.store.database import Transaction
from callboard.store.reading import session_cards, work_cards

_NO_WORKTREE = "project_dir_missing"
_USED_UP = "budget_exceeded"
_BUDGET = "budget"


def standing(card: Mapping[str, Any], work: Mapping[str, Any], short: Shortage | None) -> Standing:
    """The work of a session, from its rows of `session_cards` and `work_cards`; `short` is what its pool lacks."""
    stopped_for_budget = card["lifecycle"] == "stuck" and work["task_outcome"] == _USED_UP
    return Standing(
        session_id=card["session_id"],
        handle=card["handle"],
        issues=tuple(one["number"] for one in json.loads(card["issues"])),
        lifecycle=card["lifecycle"],
        before=work["lifecycle_before"],
        worktree=work["state"],
        worktree_gone=card["end_error_code"] == _NO_WORKTREE,
        stuck_reason=work["stuck_reason"],
        guided=card["lifecycle"] == "stuck" and (work["guided_at"] or 0) >= work["lifecycle_at"],
        waits_for_report=card["waiting_for"] == "report",
        waits_for_budget=card["waiting_for"] == _BUDGET or stopped_for_budget,
        emptied=Emptied(session_id=short.session_id, unit=short.unit) if short else None,
        task=work["task_number"],
        milestone=work["milestone_number"],
        milestone_through=work["milestone_number"] is not None and not work["tasks_left"],
        over=work["task_outcome"] == "passed"
        if work["milestone_state"] is None
        else work["milestone_state"] == "ended",
    )


def standing_of(tx: Transaction, session_id: str) -> Standing | None:
    """The work of a session as it stands now; None when it works on no issue."""
    card = session_cards(tx, [session_id]).get(session_id)
    work = work_cards(tx, [session_id]).get(session_id) if card is not None else None
    return None if card is None or work is None else standing(card, work, short_to_start(tx, card["pool_session_id"]))
