"""Tasks: what follows on an iteration, in which order tasks are done, and which are skipped when one fails.

Pure. Knows no sessions, no runs and no time.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal, get_args

from callboard.domain.checks import Check, CheckOutcome
from callboard.domain.errors import Conflict

Outcome = Literal["passed", "max_iterations", "budget_exceeded", "stopped", "agent_failed", "skipped"]
OUTCOMES: Final[tuple[str, ...]] = get_args(Outcome)
Verdict = Literal["again", "passed", "max_iterations", "budget_exceeded", "stopped", "agent_failed"]
MAX_ITERATIONS: Final = 10
"""Of a task that says nothing of it."""

_OF_REASON: Final[dict[str, Verdict]] = {"stopped": "stopped", "budget_exceeded": "budget_exceeded"}
HALTING: Final = ("stopped", "budget_exceeded")
"""Outcomes after which nothing of the session goes on: somebody, or a limit, wanted it to stop."""


def judge(
    reason: str, checks: Sequence[Check], outcomes: Sequence[CheckOutcome], iteration: int, max_iterations: int
) -> Verdict:
    """What follows on an iteration, from the reason of its run's end and from what its checks said.

    A run that completed without the outcomes of all its checks was not judged, and counts as failed.
    """
    if reason != "completed":
        return _OF_REASON.get(reason, "agent_failed")
    if [one.name for one in checks] != [one.name for one in outcomes]:
        return "agent_failed"
    if all(one.passed for one in outcomes):
        return "passed"
    return "again" if iteration < max_iterations else "max_iterations"


def sentence_of(verdict: str, outcomes: Sequence[CheckOutcome], iteration: int, error: str | None) -> str:
    """Why a task did not pass."""
    failing = " ".join(one.sentence for one in outcomes if not one.passed)
    match verdict:
        case "max_iterations":
            return f"After {iteration} {'iteration' if iteration == 1 else 'iterations'} the checks fail: {failing}"
        case "budget_exceeded":
            return error or "The budget is used up."
        case "stopped":
            return "The task was stopped."
    return error or "The runner did not report what became of the checks."


def in_order(dependencies: Mapping[int, Collection[int]]) -> list[int]:
    """Tasks by number, each after all that it depends on; else in the order given. What is not among them is ignored.

    Conflict `dependency_cycle` names a circle.
    """
    waiting = {number: {one for one in others if one in dependencies} for number, others in dependencies.items()}
    order: list[int] = []
    while waiting:
        ready = next((number for number, others in waiting.items() if not others), None)
        if ready is None:
            raise _cycle(waiting)
        order.append(ready)
        del waiting[ready]
        for others in waiting.values():
            others.discard(ready)
    return order


def dependants(dependencies: Mapping[int, Collection[int]], failed: int) -> list[int]:
    """The tasks that cannot be done without this one, directly or through others; in the order given."""
    found = {failed}
    while more := {number for number, others in dependencies.items() if number not in found and found & {*others}}:
        found |= more
    return [number for number in dependencies if number in found and number != failed]


def _cycle(waiting: Mapping[int, Collection[int]]) -> Conflict:
    """Every one that waits depends on another that waits, so going on from any of them comes to a circle."""
    path = [next(iter(waiting))]
    while path[-1] not in path[:-1]:
        path.append(min(waiting[path[-1]]))
    circle = path[path.index(path[-1]) :]
    return Conflict(
        f"The tasks depend on each other in a circle: {' → '.join(map(str, circle))}.",
        code="dependency_cycle",
        hint=f"Take one dependency away: callboard task set {circle[0]} --depends-on none",
        errors=[{"number": number} for number in circle[:-1]],
    )
