"""What the coordinator wrote into a log of budgets, stops and callbacks, in words; the pages say the same. Pure."""

from typing import Any, Final

from callboard.cli.text import short_id
from callboard.domain.budget import UNITS, Unit, amount_in_words

_STOPPED_BY: Final = {
    "person": "by a person",
    "parent": "by its parent session",
    "tree": "with the tree that it belongs to",
    "busy": "to make way for a newer run",
    "lifecycle": "because its work was halted",
}
_REASONS: Final = {
    "budget_exceeded": "because its budget lets nothing go on",
    "timeout": "because it took longer than its limit",
}
CALLBACKS: Final = {
    "callback_waiting": "waits to be told here",
    "callback_assigned": "is told by {run}",
    "callback_accepted": "was heard by the agent of {run}",
    "callback_held": "is held",
    "callback_undeliverable": "cannot be told",
}
"""What each event of a callback says of the end of the child."""


def budget_sentence(payload: dict[str, Any]) -> str:
    """From what to what the limits of a pool were changed, as far as that was noted, and by whom."""
    changes = ", ".join(said for unit in UNITS if (said := _change(payload, unit)))
    by = payload.get("by_label") or payload.get("by")
    return f"{changes or 'not changed'}{f' by {by}' if by else ''}"


def stop_sentence(payload: dict[str, Any]) -> str:
    """Who or what wants a run to end."""
    reason = str(payload.get("reason") or "")
    why = _STOPPED_BY.get(str(payload.get("stopped_by"))) or _REASONS.get(reason)
    return why or (f"({reason.replace('_', ' ')})" if reason else "")


def callback_sentence(event_type: str, payload: dict[str, Any]) -> str:
    """What became of the end of a child that its session waits for."""
    child, run = payload.get("child_session_id"), payload.get("run_id")
    happens = CALLBACKS[event_type].format(run=f"run {short_id(str(run))}" if run else "a run")
    why = f": {payload['why']}" if payload.get("why") else ""
    return f"the end of {f'session {short_id(str(child))}' if child else 'a child'} {happens}{why}"


def _change(payload: dict[str, Any], unit: Unit) -> str:
    limit, before = payload.get(f"budget_{unit}"), payload.get(f"before_{unit}")
    if limit is None:
        return "" if before is None else f"limit of {amount_in_words(unit, before)} taken away"
    if before is None:
        return f"set to {amount_in_words(unit, limit)}"
    if before == limit:
        return ""
    verb = "raised" if limit > before else "lowered"
    return f"{verb} from {amount_in_words(unit, before)} to {amount_in_words(unit, limit)}"
