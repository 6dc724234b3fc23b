"""A budget with the real Claude Code: estimated call by call, exact at the end of the turn, stopped and continued."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callboard.client.calls import sessions
from callboard.wire.budgets import SetBudget
from tests.support.claude import ClaudeWorld, served_model
from tests.support.coordinator import QUICK, payload_of
from tests.support.world import World

pytestmark = [pytest.mark.clients, pytest.mark.either_database, pytest.mark.timeout(120)]

TWO_CALLS = "[[usage 1000 100 0 0 ++ bash true]] [[usage 1000 100 0 0 ++ say Done.]]"


@pytest.fixture
def claude(world: World, claude_code: Path) -> Iterator[ClaudeWorld]:
    """Yield a world whose runner offers the real client."""
    with served_model() as model:
        yield ClaudeWorld(world, claude_code, model, QUICK)


def test_a_budget_is_kept_call_by_call_and_its_cost_is_exact_after_each_turn(claude: ClaudeWorld) -> None:
    """50, R22: at its limit the run is stopped between two calls of the model; raised, it goes on."""
    coordinator = claude.coordinator
    whole = coordinator.completed(TWO_CALLS)
    rows = [row for event in coordinator.events(whole.session_id, "usage") for row in payload_of(event)["rows"]]
    assert [row["estimated"] for row in rows] == [True, True, False]
    assert sum(row["cost_microdollars"] for row in rows) == whole.usage.cost_microdollars
    assert not whole.usage.estimated
    one_call = rows[0]["cost_microdollars"]
    order = {"budget_microdollars": one_call - 1}
    stopped = coordinator.ended(coordinator.start_run(TWO_CALLS, limits=order).run_id)
    assert (stopped.reason, stopped.usage.turns) == ("budget_exceeded", 1)
    assert stopped.error is not None
    assert f"The budget of {stopped.session_id} is used up" in stopped.error.message
    limits = SetBudget(budget_microdollars=1_000 * one_call)
    raised = coordinator.client.send(sessions.set_budget(stopped.session_id, limits))
    (run_id,) = raised.resumed
    goes_on = coordinator.ended(run_id)
    assert (goes_on.reason, "cut off" in (goes_on.prompt or "")) == ("completed", True)
    usage = coordinator.client.send(sessions.usage(stopped.session_id))
    assert usage.budget is not None
    assert usage.budget.spent_microdollars == usage.self.cost_microdollars
    assert not usage.self.estimated
