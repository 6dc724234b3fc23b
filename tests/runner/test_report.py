"""Which of the three ends is reported, by what was asked of the agent and what reached it before its exit."""

from pathlib import Path
from typing import Any

import pytest

from callboard.domain.checks import CheckOutcome
from callboard.domain.invocation import Outcome
from callboard.domain.run import EndReason
from callboard.runner.attempt_files import CutShort, Progress
from callboard.runner.launches import without_worktree
from callboard.runner.report import End, end_of, with_checks
from callboard.wire.runner import Claim, StopOrder

STOP = StopOrder(run_id="run", attempt=1, reason="stopped")
SILENCE = CutShort(reason="interrupted", code="out_of_contact", message="Nobody answered.")


def _outcome(kind: str, reason: EndReason = "failed", code: str | None = None) -> Outcome:
    match kind:
        case "completed":
            return Outcome(kind="completed", reason="completed", exit_code=0, result_text="done")
        case "stopped":
            return Outcome(kind="stopped", reason="stopped", signal="SIGTERM")
    return Outcome(kind="failed", reason=reason, exit_code=3, error_code=code, error_message="It broke.")


@pytest.mark.parametrize(
    ("kind", "stop", "interrupted", "signalled", "reported"),
    [
        ("completed", False, False, False, "completed"),
        ("completed", True, False, False, "completed"),
        ("completed", True, True, False, "completed"),
        ("completed", True, True, True, "stopped"),
        ("failed", False, False, False, "failed"),
        ("failed", True, False, False, "failed"),
        ("failed", True, True, False, "stopped"),
        ("failed", True, False, True, "stopped"),
        ("stopped", True, False, False, "stopped"),
        ("stopped", False, False, False, "failed"),
    ],
)
def test_r15_a_stop_counts_when_it_reached_the_agent(
    kind: str, stop: bool, interrupted: bool, signalled: bool, reported: str
) -> None:
    """R15: a turn that was finished before any signal has completed."""
    progress = Progress(stop=STOP if stop else None)
    assert end_of(_outcome(kind), progress, interrupted=interrupted, signalled=signalled).kind == reported


def test_r5_an_agent_that_we_stopped_for_silence_is_reported_as_interrupted() -> None:
    """R5: unless it had finished before."""
    progress = Progress(cut_short=SILENCE)
    end = end_of(_outcome("stopped"), progress, interrupted=False, signalled=True)
    assert (end.kind, end.details["reason"], end.details["error_code"]) == ("failed", "interrupted", "out_of_contact")
    assert end_of(_outcome("completed"), progress, interrupted=False, signalled=False).kind == "completed"


def test_an_agent_lost_with_its_keeper_is_interrupted_and_a_budget_is_a_reason_of_its_own() -> None:
    lost = end_of(_outcome("failed", code="keeper_lost"), Progress(), interrupted=False, signalled=False)
    assert (lost.kind, lost.details["reason"]) == ("failed", "interrupted")
    spent = Outcome(kind="stopped", reason="budget_exceeded", error_code="budget", error_message="All spent.")
    end = end_of(spent, Progress(), interrupted=False, signalled=False)
    assert (end.kind, end.details["reason"]) == ("failed", "budget_exceeded")


def test_the_details_of_the_end_are_kept() -> None:
    end = end_of(_outcome("failed", "max_turns", "max_turns"), Progress(), interrupted=False, signalled=False)
    assert end.details["exit_code"] == 3
    assert end.details["error_message"] == "It broke."
    assert end.details["reason"] == "max_turns"


@pytest.mark.parametrize(
    ("ended", "stop", "cut_short", "reported", "code"),
    [
        (2, None, None, "completed", None),
        (2, STOP, None, "completed", None),
        (1, STOP, None, "stopped", None),
        (1, None, SILENCE, "failed", "out_of_contact"),
        (1, None, None, "failed", "checks_lost"),
    ],
)
def test_r15_an_attempt_has_completed_when_all_its_checks_came_to_their_end(
    ended: int, stop: StopOrder | None, cut_short: CutShort | None, reported: str, code: str | None
) -> None:
    outcomes = [CheckOutcome(name="test", exit_code=1, tail="", duration_ms=1)] * ended
    end = with_checks(End(kind="completed", details={}), Progress(stop=stop, cut_short=cut_short), 2, outcomes)
    assert (end.kind, end.details.get("error_code")) == (reported, code)
    assert end.details["checks"] == outcomes


def test_an_agent_whose_worktree_was_removed_under_it_says_so(tmp_path: Path) -> None:
    """R24: also where it was removed between the permission and the start."""
    ended = end_of(_outcome("failed", code="launch_failed"), Progress(), interrupted=False, signalled=False)
    claim: dict[str, Any] = {"run_id": "run", "session_id": "ses", "attempt": 1, "repository": str(tmp_path)}
    claim |= {name: None for name in Claim.__struct_fields__ if name not in claim}
    there = Claim(**(claim | {"project_dir": str(tmp_path)}))
    gone = Claim(**(claim | {"project_dir": str(tmp_path / "gone")}))
    assert without_worktree(ended, there) is ended
    end = without_worktree(ended, gone)
    assert (end.kind, end.details["error_code"], end.details["exit_code"]) == ("failed", "project_dir_missing", 3)
    assert end.details["error_message"].endswith("The agent: It broke.")
    stopped = end_of(_outcome("stopped"), Progress(stop=STOP), interrupted=False, signalled=True)
    assert without_worktree(stopped, gone) is stopped
