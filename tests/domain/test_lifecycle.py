"""The lifecycle of work on issues, as the specification's table has it. A53."""

import pytest

from callboard.domain import lifecycle
from callboard.domain.lifecycle import ACTIONS, ENDED, HALTED, REPORTS, STATES, UNDER_WAY, IllegalMove, follows, moved

ACTIVE = (*UNDER_WAY, *HALTED)
LEGAL_REPORTS = {
    "registered": {"planning", "working"},
    "planning": {"planning_complete", "working"},
    "planning_complete": {"working"},
    "working": {"planning", "shipping", "complete"},
    "shipping": {"working", "reviews_in_progress", "pr_ready", "complete"},
    "reviews_in_progress": {"working", "pr_ready", "complete"},
    "pr_ready": {"working", "reviews_in_progress", "complete"},
}
LEGAL_ACTIONS = {
    "pause": {*UNDER_WAY, "stuck"},
    "resume": {"paused"},
    "restart": {"stuck"},
    "cancel": set(ACTIVE),
    "forward": set(ACTIVE),
    "heartbeat": set(ACTIVE),
    "delete": {*ACTIVE, "complete", "cancelled"},
}


def is_legal(state: str, move: str) -> bool:
    """What the specification's text says, written down a second time."""
    if move in ACTIONS:
        return state in LEGAL_ACTIONS[move]
    return state in LEGAL_REPORTS and move in {*LEGAL_REPORTS[state], "stuck"}


@pytest.mark.parametrize("state", STATES)
def test_a53_every_report_and_action_is_legal_exactly_where_the_table_says(state: str) -> None:
    """A53, the whole table: each move from each state."""
    ends = {"pause": "paused", "resume": "shipping", "restart": "working", "cancel": "cancelled", "delete": "deleted"}
    for move in (*REPORTS, *ACTIONS):
        if is_legal(state, move):
            stays = move in ("forward", "heartbeat")
            assert moved(state, move, "shipping") == (state if stays else ends.get(move, move))
            continue
        with pytest.raises(IllegalMove, match=f"{move} is not possible from {state}") as refused:
            moved(state, move)
        same_kind = ACTIONS if move in ACTIONS else REPORTS
        assert refused.value.legal == [each for each in same_kind if is_legal(state, each)]


def test_a53_a_refusal_names_what_is_legal() -> None:
    with pytest.raises(IllegalMove) as refused:
        moved("planning_complete", "pr_ready")
    assert str(refused.value) == "pr_ready is not possible from planning_complete; possible: working, stuck"


def test_a53_what_a_run_brings_moves_only_work_that_is_under_way() -> None:
    """Work stands where it stood when something was halted or ended first."""
    for state in STATES:
        assert follows(state, lifecycle.RUN_STARTED) == ("working" if state == "registered" else state)
        assert follows(state, lifecycle.RUN_FAILED) == ("stuck" if state in UNDER_WAY else state)
        assert follows(state, lifecycle.RUN_STOPPED) == ("paused" if state in UNDER_WAY else state)
        assert follows(state, lifecycle.CHECKS_PASSED) == ("complete" if state in UNDER_WAY else state)


def test_a53_nothing_leads_out_of_deleted_and_only_deletion_out_of_the_other_ends() -> None:
    assert lifecycle.LIFECYCLE.final == {"deleted", lifecycle.REMEMBERED}
    assert set(STATES) == lifecycle.LIFECYCLE.states - {lifecycle.REMEMBERED}
    for state in ENDED:
        assert lifecycle.legal_reports(state) == []
        assert lifecycle.legal_actions(state) == ([] if state == "deleted" else ["delete"])
