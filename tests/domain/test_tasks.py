"""A66 and the table of the loop: order, circles, what is skipped, and what follows on each iteration."""

import pytest

from callboard.domain.checks import Check, CheckOutcome
from callboard.domain.errors import Conflict
from callboard.domain.tasks import dependants, in_order, judge, sentence_of

CHECKS = [Check(name="test"), Check(name="lint")]


def said(name: str, exit_code: int | None, *, timed_out: bool = False) -> CheckOutcome:
    """What a check said."""
    return CheckOutcome(name=name, exit_code=exit_code, tail="", duration_ms=1, timed_out=timed_out)


GOOD = [said("test", 0), said("lint", 0)]
BAD = [said("test", 1), said("lint", 0)]


@pytest.mark.parametrize(
    ("reason", "outcomes", "iteration", "verdict"),
    [
        ("completed", GOOD, 1, "passed"),
        ("completed", BAD, 2, "again"),
        ("completed", BAD, 3, "max_iterations"),
        ("completed", [said("test", 0), said("lint", 0, timed_out=True)], 1, "again"),
        ("completed", [said("test", 0), said("lint", None)], 1, "again"),
        ("completed", GOOD[:1], 1, "agent_failed"),
        ("stopped", [], 1, "stopped"),
        ("budget_exceeded", [], 1, "budget_exceeded"),
        ("failed", [], 1, "agent_failed"),
        ("timeout", GOOD, 1, "agent_failed"),
    ],
)
def test_what_follows_on_an_iteration(reason: str, outcomes: list[CheckOutcome], iteration: int, verdict: str) -> None:
    assert judge(reason, CHECKS, outcomes, iteration, 3) == verdict


def test_a_task_without_checks_has_passed_when_its_agent_has_completed() -> None:
    assert judge("completed", [], [], 1, 10) == "passed"


def test_the_sentence_says_which_checks_fail_and_keeps_the_agents_own_error() -> None:
    slow = said("lint", None, timed_out=True)
    told = sentence_of("max_iterations", [said("test", 2), slow], 3, None)
    assert told == "After 3 iterations the checks fail: test exited with code 2. lint took longer than its limit."
    assert sentence_of("agent_failed", [], 1, "no API key") == "no API key"


def test_a66_tasks_are_done_after_what_they_depend_on_and_else_in_the_order_given() -> None:
    assert in_order({5: [1], 4: [2], 3: [], 2: [1, 99], 1: []}) == [3, 1, 5, 2, 4]


def test_a66_a_circle_is_refused_and_named() -> None:
    with pytest.raises(Conflict, match="in a circle: 2 → 3 → 2") as refused:
        in_order({1: [2], 2: [3], 3: [2], 4: []})
    assert refused.value.code == "dependency_cycle"
    with pytest.raises(Conflict, match="7 → 7"):
        in_order({7: [7]})


def test_a66_only_what_needs_a_failed_task_is_skipped() -> None:
    assert dependants({1: [], 2: [1], 3: [2], 4: [], 5: [4, 3]}, 2) == [3, 5]
    assert dependants({1: [], 2: [1], 3: [2], 4: [], 5: [4, 3]}, 4) == [5]
