"""Budgets: one pool for a tree of sessions on real runners, charged with what their agents report."""

from typing import Any

import httpx2
import pytest

from callboard.client.calls import runs, sessions
from callboard.wire.responses import RunCreated, SessionUsage
from tests.support.coordinator import QUICK, Coordinator, payload_of, until
from tests.support.tasks import TaskShop
from tests.support.world import World, hold

CALL = 100_000
"""What one call of a model costs here, in micro-dollars."""
CALLS = f"usage large 100 10 {CALL}\n" * 2 + f"{hold('third')}\nusage large 100 10 {CALL + CALL // 2}\nhang"
"""Two calls, and later one that costs more than is left of three; who then goes on would never end."""


def usage_of(coordinator: Coordinator, session_id: str) -> SessionUsage:
    """What a session used, and its pool."""
    return coordinator.client.send(sessions.usage(session_id))


def spent(coordinator: Coordinator, session_id: str) -> int:
    """What its pool has spent, which is what the ledger says, whatever has happened."""
    usage = usage_of(coordinator, session_id)
    assert usage.budget is not None
    assert usage.budget.spent_microdollars == (usage.subtree.cost_microdollars or 0)
    return usage.budget.spent_microdollars


def ask_at_once(world: World, coordinator: Coordinator, token: str) -> list[httpx2.Response]:
    """What eight children are answered that ask at once to reserve three calls each."""
    order: dict[str, Any] = {"type": "start_session", "prompt": CALLS, "limits": {"budget_microdollars": 3 * CALL}}

    def ask() -> httpx2.Response:
        with coordinator.with_token(token) as its:
            return its.post("/runs", json=order)

    asked = [world.meanwhile(ask) for _ in range(8)]
    return [one.result(20) for one in asked]


def check_raised(world: World, coordinator: Coordinator, root: str, child: RunCreated) -> None:
    """A raise of the root lets start what waits there; one of a child goes on with what its own limit had stopped."""
    waits = coordinator.resume(root, f"usage large 100 10 {CALL}")
    why = coordinator.client.send(runs.why(waits.run_id))
    assert (why.code, why.status, f"{root} is used up" in why.sentence) == ("budget", "pending", True)
    callboard = world.command_line(coordinator)
    waited = callboard("wait", waits.run_id)
    assert (waited.code, f"waits for budget. Look: callboard budget {root}" in waited.err) == (6, True)
    raised = callboard("budget", root, "--budget", "3.00", "--json").value
    assert (raised["budget"]["budget_microdollars"], raised["resumed"]) == (30 * CALL, [])
    (goes_on,) = callboard("budget", child.session_id, "--budget", "0.90", "--json").value["resumed"]
    continued = coordinator.ended(goes_on)
    assert (continued.reason, continued.retry_of) == ("completed", child.run_id)
    assert coordinator.ended(waits.run_id).reason == "completed"
    (changed,) = coordinator.events(child.session_id, "budget_changed")
    assert payload_of(changed)["budget_microdollars"] == 9 * CALL
    left = 30 * CALL - spent(coordinator, root)
    assert f"${left / 1_000_000:.4f} left of $3.0000" in callboard("budget", root).out
    assert "with all below" in callboard("usage", root).out
    assert callboard("usage", "--by", "session", "--json").value["items"]


def test_eight_children_share_a_budget_that_is_not_overspent_and_go_on_when_it_is_raised(world: World) -> None:
    """50, R22: of eight that ask at once three get it; a call each too much at most; a kill counts nothing twice."""
    coordinator = world.coordinator(sweep_seconds=0.3)
    for name in ("one", "two"):
        world.runner(coordinator, name=name)
    root = coordinator.start_run(
        'run printf %s "$CALLBOARD_TOKEN" > its-token\nhang', limits={"budget_microdollars": 10 * CALL}
    )
    token = world.project / "its-token"
    until(lambda: token.exists() and token.stat().st_size > 0, 20, "the token of the parent")
    answers = ask_at_once(world, coordinator, token.read_text(encoding="ascii"))
    children = [RunCreated(**one.json()) for one in answers if one.status_code == 201]
    refused = [one.json() for one in answers if one.status_code == 409]
    assert (len(children), [one["code"] for one in refused]) == (3, ["budget_insufficient"] * 5)
    assert [one["errors"][0]["left_microdollars"] for one in refused] == [CALL] * 5
    assert all("has $0.10 left, not $0.30" in one["detail"] for one in refused)

    until(lambda: spent(coordinator, root.session_id) == 6 * CALL, 30, "two calls of each child")
    coordinator.kill()
    coordinator.restart()
    world.let_go("third")
    ends = [coordinator.ended(child.run_id) for child in children]
    assert {(end.status, end.reason) for end in ends} == {("stopped", "budget_exceeded")}
    assert [spent(coordinator, child.session_id) for child in children] == [3 * CALL + CALL // 2] * 3
    assert {coordinator.session(child.session_id).waiting_for for child in children} == {"budget"}
    assert coordinator.ended(root.run_id).reason == "budget_exceeded", "all that it had is spent by its children"
    assert coordinator.session(root.session_id).group == "needs_you"
    assert spent(coordinator, root.session_id) == 10 * CALL + CALL // 2
    check_raised(world, coordinator, root.session_id, children[0])


@pytest.mark.parametrize("stopped", ["its run", "between two runs"])
def test_a_task_that_its_budget_stopped_goes_on_when_it_is_raised(world: World, stopped: str) -> None:
    """50: the outcome says so, the work is stuck with the figures; raised, the loop goes on in the same session."""
    shop = TaskShop(world, world.coordinator(**QUICK), 1)
    task_id = shop.task(1)
    session_id = shop.begun(f"/tasks/{task_id}/run", limits={"budget_tokens": 100})["session_id"]
    if stopped == "its run":
        claim = shop.claim()
        rows = [{"model": "m", "message_id": "1", "output_tokens": 150}]
        shop.runner.report(claim["run_id"], "usage", claim["attempt"], rows=rows)
        assert shop.runner.report(claim["run_id"], "stopped", claim["attempt"], event_count=0).status_code == 200
    else:
        shop.iterate(1, output=150)
    assert shop.get(f"/tasks/{task_id}")["outcome"] == "budget_exceeded"
    work = shop.session(session_id)
    assert work["lifecycle"] == "stuck"
    assert "of 100 tokens is spent" in work["work"]["stuck_reason"]
    step = f"Raise it, and it goes on: callboard budget {session_id} --budget-tokens TOKENS"
    why = shop.get(f"/runs/{work['latest_run_id']}/why")
    assert why["next_step"] == work["work"]["next_step"] == step
    assert why["sentence"].count("used up") == 1
    raised = shop.coordinator.http.post(f"/sessions/{session_id}/budget", json={"budget_tokens": 1_000})
    assert raised.status_code == 200, raised.text
    assert len(raised.json()["resumed"]) == 1
    assert shop.iterate(0, output=1)["run_id"] == raised.json()["resumed"][0]
    assert shop.get(f"/tasks/{task_id}")["outcome"] == "passed"
    assert shop.session(session_id)["lifecycle"] == "complete"
