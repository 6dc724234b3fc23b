"""Budgets: pools that are reserved from, charged with each report and stopped at their limit (R22, 50-work)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callboard.coordinator.services.board import BoardService
from callboard.coordinator.services.why import WhyService
from callboard.domain.errors import Conflict, InvalidRequest
from callboard.domain.usage import UsageRow
from callboard.wire.board import BoardSession
from callboard.wire.budgets import Budget, SetBudget
from callboard.wire.requests import Limits
from callboard.wire.responses import RunCreated
from callboard.wire.runner import Claim
from tests.services.reading_world import OWNER, PlayedRunner, Reading, agent_of, open_reading

MODEL = "claude-opus-4-5"
"""5 micro-dollars a token of input, 25 of output."""


@pytest.fixture
async def reading(tmp_path: Path, kind: str) -> AsyncIterator[Reading]:
    """A world with its readers."""
    async with open_reading(tmp_path, kind) as opened:
        yield opened


@pytest.fixture
async def runner(reading: Reading) -> PlayedRunner:
    """A runner with room."""
    return await reading.world.runner(slots=16)


def used(message_id: str, cost: int | None = 100, model: str = "large", **figures: int) -> UsageRow:
    """One ledger row of ten tokens, unless it says more."""
    counts: dict[str, Any] = {"input_tokens": 10} | figures
    return UsageRow(model=model, message_id=message_id, cost_microdollars=cost, **counts)


def dollars(amount: int, **more: Any) -> Limits:
    """A budget in micro-dollars."""
    return Limits(budget_microdollars=amount, **more)


async def budget_of(reading: Reading, session_id: str) -> Budget:
    """How the pool of a session stands."""
    budget = (await reading.usage.of_session(OWNER, session_id)).budget
    assert budget is not None
    return budget


async def needing(reading: Reading) -> list[BoardSession]:
    """What stands on the callboard below Needs you."""
    groups = (await BoardService(reading.world.database).read(OWNER, 50, None)).groups
    return next(group.sessions for group in groups if group.group == "needs_you")


async def change_told(reading: Reading, session_id: str) -> tuple[int, int, str]:
    """From what to what the one change of a budget was, and by whom."""
    (changed,) = [event for event in await reading.world.log(session_id) if event.type == "budget_changed"]
    told = msgspec.json.decode(changed.payload)
    return told["before_microdollars"], told["budget_microdollars"], told["by"]


async def check_sums(reading: Reading) -> None:
    """The one invariant: what a pool has spent is the sum of the ledger of its session and all below it."""
    for created in (await reading.sessions.list(OWNER, limit=200)).items:
        usage = await reading.usage.of_session(OWNER, created.session_id)
        if usage.budget is None or usage.budget.session_id != created.session_id:
            continue
        all_below = usage.subtree
        tokens = all_below.input_tokens + all_below.output_tokens
        tokens += all_below.cache_read_tokens + all_below.cache_creation_tokens
        assert (usage.budget.spent_microdollars, usage.budget.spent_tokens) == (
            all_below.cost_microdollars or 0,
            tokens,
        )


async def begin(runner: PlayedRunner, created: RunCreated) -> Claim:
    """The claim of a run that may be launched."""
    claims = {claim.run_id: claim for claim in await runner.claim(slots=16)}
    await runner.started(claims[created.run_id])
    return claims[created.run_id]


async def test_a_child_reserves_gets_no_more_than_is_left_and_gives_back_what_it_did_not_spend(
    reading: Reading, runner: PlayedRunner
) -> None:
    """50: reserved at creation; 409 with the rest; what is unspent returns at its end, till a resume."""
    world = reading.world
    root = await world.start("root", limits=dollars(1_000_000))
    await begin(runner, root)
    agent = agent_of(root)
    child = await world.start("child", caller=agent, limits=dollars(700_000))
    with pytest.raises(Conflict) as refused:
        await world.start("greedy", caller=agent, limits=dollars(300_001))
    assert refused.value.code == "budget_insufficient"
    assert "has $0.30 left, not $0.300001" in refused.value.detail
    assert refused.value.errors[0]["left_microdollars"] == 300_000
    grandchild = await world.start("below", caller=agent_of(child), limits=dollars(600_000))
    with pytest.raises(Conflict, match=r"has \$0\.10 left"):
        await world.start("greedy", caller=agent_of(child), limits=dollars(200_000))

    claim = await begin(runner, child)
    with pytest.raises(Conflict, match=r"most \$1\.00 in all: \$0\.00 of it is spent, .* has \$1\.00 left") as raised:
        await world.budgets.set(OWNER, child.session_id, SetBudget(budget_microdollars=1_000_001))
    assert (raised.value.errors[0]["most_microdollars"], root.session_id in raised.value.hint) == (1_000_000, True)
    await reading.book(runner, claim, used("m1", 50_000))
    root_budget, child_budget = [await budget_of(reading, one.session_id) for one in (root, child)]
    assert (root_budget.spent_microdollars, root_budget.reserved_microdollars) == (50_000, 650_000)
    assert (root_budget.left_microdollars, child_budget.left_microdollars) == (300_000, 50_000)
    await runner.end(claim)
    await world.budgets.sweep_once()
    assert (await budget_of(reading, root.session_id)).reserved_microdollars == 650_000, "its own child still waits"
    await world.stops.stop_session(OWNER, grandchild.session_id, subtree=False)
    await world.budgets.sweep_once()
    after = await budget_of(reading, root.session_id)
    assert (after.reserved_microdollars, after.left_microdollars) == (0, 950_000)

    with pytest.raises(Conflict, match=r"most \$1\.00 in all: \$0\.05 of it is spent, .* has \$0\.95 left"):
        await world.budgets.set(OWNER, child.session_id, SetBudget(budget_microdollars=1_000_001))  # nothing runs in it
    second = await world.start("second", caller=agent, limits=dollars(900_000))
    with pytest.raises(Conflict, match=r"has \$0\.05 left, not \$0\.65"):
        await world.resume(child.session_id, caller=agent)
    await world.stops.stop_session(OWNER, second.session_id, subtree=False)
    await world.resume(child.session_id, caller=agent)  # settled by the work that needs it, without a sweep
    assert (await budget_of(reading, root.session_id)).reserved_microdollars == 650_000
    await check_sums(reading)


async def test_a_pool_at_its_limit_starts_nothing_stops_what_runs_and_goes_on_when_raised(
    reading: Reading, runner: PlayedRunner
) -> None:
    """50, R22: the reporting run at once, the others by the sweep; a raise queues a resume for each."""
    world, why = reading.world, WhyService(reading.world.database, reading.world.rules)
    root = await world.start("root", limits=dollars(1_000))
    other = await world.start("other", caller=agent_of(root))
    waiting = await world.start("waiting", caller=agent_of(root))
    claims = {claim.run_id: claim for claim in await runner.claim(slots=2)}
    for claim in claims.values():
        assert claim.limits["budget_microdollars"] == 1_000
        await runner.started(claim)
    await reading.book(runner, claims[root.run_id], used("m1", 999))
    assert (await world.status(root.session_id)) == "running"
    await reading.book(runner, claims[other.run_id], used("m1", 2))
    assert (await world.status(other.session_id), await world.status(root.session_id)) == ("stopping", "running")
    await world.budgets.sweep_once()
    assert await world.status(root.session_id) == "stopping"
    for created in (root, other):
        ended = await runner.end(claims[created.run_id], "stopped")
        assert ended.reason == "budget_exceeded"
        session = await reading.sessions.get(OWNER, created.session_id)
        assert (session.status, session.waiting_for, session.group) == ("stopped", "budget", "needs_you")
    assert await runner.claim(slots=4) == []
    answer = await why.explain(OWNER, waiting.run_id)
    assert answer.code == "budget"
    assert answer.sentence == f"The budget of {root.session_id} is used up: $0.001001 of $0.001000 is spent."
    assert (await reading.sessions.get(OWNER, waiting.session_id)).waiting_for == "budget"
    failure = (await world.run(root.run_id)).error
    assert failure is not None
    assert failure.message == answer.sentence
    headlines = {(one.headline, one.reason_text) for one in await needing(reading)}
    assert headlines == {(answer.sentence, answer.sentence), (answer.sentence, None)}

    raised = await world.budgets.set(OWNER, root.session_id, SetBudget(budget_microdollars=5_000))
    assert (raised.budget.left_microdollars, len(raised.resumed)) == (3_999, 2)
    again = await runner.claim(slots=8)
    assert {claim.run_id for claim in again} == {*raised.resumed, waiting.run_id}
    assert {(await reading.sessions.get(OWNER, claim.session_id)).waiting_for for claim in again} == {None}
    assert await change_told(reading, root.session_id) == (1_000, 5_000, OWNER.token_id)
    for claim in again:
        await runner.started(claim)
    lowered = await world.budgets.set(OWNER, root.session_id, SetBudget(budget_microdollars=500))
    assert (lowered.budget.left_microdollars, lowered.resumed) == (0, [])
    await world.budgets.sweep_once()
    assert {await world.status(claim.session_id) for claim in again} == {"stopping"}
    await check_sums(reading)


async def test_what_is_spent_is_the_sum_of_the_ledger_whatever_is_reported_how_often(
    reading: Reading, runner: PlayedRunner
) -> None:
    """R22, A65: repeated and cumulative rows, estimates made exact, failed, stale and late reports, all below."""
    world = reading.world
    root = await world.start("root", limits=dollars(90_000_000, budget_tokens=10_000_000))
    child = await world.start("child", caller=agent_of(root), limits=dollars(40_000_000))
    claims = {claim.run_id: claim for claim in await runner.claim(slots=2)}
    for claim in claims.values():
        await runner.started(claim)
    rows = [used("m1", None, MODEL, output_tokens=100), used("m2", None, f"{MODEL}-20251101", cache_read_tokens=1_000)]
    exact = used("adjustment:1.1", 9_000, f"{MODEL}[1m]", input_tokens=-5)
    for report in ([rows[0]], rows, [exact], [exact, *rows], [used("m3", None, MODEL)]):
        await reading.book(runner, claims[child.run_id], *report)
        await check_sums(reading)
    usage = await reading.usage.of_session(OWNER, child.session_id)
    assert usage.self.cost_microdollars == 9_000 + 50, "the exact total, and an estimate since"
    assert usage.self.estimated
    await reading.book(runner, claims[root.run_id], used("m1", 7))
    await runner.end(claims[child.run_id], "failed", usage=[used("m9", 11)])
    await world.budgets.sweep_once()
    await reading.book(runner, claims[child.run_id], used("late", 5))
    await check_sums(reading)
    budget = await budget_of(reading, root.session_id)
    assert (budget.spent_microdollars, budget.reserved_microdollars) == (9_050 + 7 + 11 + 5, 0)


async def test_a_price_is_kept_by_rows_that_are_booked_and_an_exact_total_is_no_estimate(
    reading: Reading, runner: PlayedRunner
) -> None:
    """R22: estimated is said; unknown is null; what an executor says exactly replaces the estimate in every sum."""
    await reading.world.start()
    claim = await reading.begin(runner)
    await reading.book(runner, claim, used("m1", None, MODEL), used("m2", None, "nobody-knows-1"))
    first = await reading.usage.of_session(OWNER, claim.session_id)
    assert {group.key: (group.usage.cost_microdollars, group.usage.estimated) for group in first.by_model} == {
        MODEL: (50, True),
        "nobody-knows-1": (None, False),
    }
    await reading.book(runner, claim, used("adjustment:1.1", 44, MODEL, input_tokens=0))
    (exact, unknown) = (await reading.usage.of_session(OWNER, claim.session_id)).by_model
    assert (exact.usage.cost_microdollars, exact.usage.estimated, exact.usage.unpriced) == (44, False, False)
    assert (unknown.usage.cost_microdollars, unknown.usage.unpriced) == (None, True)


async def test_a_budget_in_dollars_is_kept_only_with_a_price(reading: Reading, runner: PlayedRunner) -> None:
    """50: refused where the model is known; else the run is stopped at the first figures without a price."""
    world = reading.world
    with pytest.raises(InvalidRequest) as refused:
        await world.start(limits=dollars(5), model="nobody-knows-1")
    assert refused.value.code == "budget_unpriced"
    for priced in (MODEL, "sonnet", None):
        await world.start(limits=dollars(5), model=priced)
    await world.start(limits=Limits(budget_tokens=5), model="nobody-knows-1")
    await world.start("child", parent_session_id=(await world.start(limits=dollars(5_000))).session_id)
    claims = await runner.claim(slots=16)
    claim = claims[-1]
    await runner.started(claim)
    await reading.book(runner, claim, used("m1", None, "nobody-knows-1"))
    assert (await runner.end(claim, "stopped")).reason == "budget_exceeded"
    error = (await world.run(claim.run_id)).error
    assert error is not None
    assert "has no known price" in error.message
    assert (await reading.sessions.get(OWNER, claim.session_id)).reason_text == error.message
    told = await WhyService(world.database, world.rules).explain(OWNER, claim.run_id)
    assert (told.sentence, "--no-limit dollars" in (told.next_step or "")) == (error.message, True)
    pool = (await budget_of(reading, claim.session_id)).session_id
    in_tokens = SetBudget(budget_tokens=5_000, unlimited=["microdollars"])
    changed = await world.budgets.set(OWNER, pool, in_tokens)
    assert (changed.budget.budget_microdollars, changed.budget.left_tokens) == (None, 4_990)
    again = next(one for one in await runner.claim(slots=16) if one.run_id == changed.resumed[0])
    await runner.started(again)
    await reading.book(runner, again, used("m1", None, "nobody-knows-1"))
    assert await world.status(claim.session_id) == "running", "what has no price is counted in tokens alone"
    with pytest.raises(InvalidRequest):
        await world.budgets.set(OWNER, pool, SetBudget(budget_tokens=5, unlimited=["tokens"]))
    await check_sums(reading)


async def test_what_an_agent_has_by_default_is_cut_to_what_is_left_and_a_resume_changes_no_budget(
    reading: Reading, runner: PlayedRunner
) -> None:
    """50, 40: a child without a budget of its own draws from the pool above."""
    world = reading.world
    root = await world.start("root", limits=Limits(budget_tokens=25))
    plain = await world.start("child", caller=agent_of(root))
    assert (await budget_of(reading, plain.session_id)).session_id == root.session_id
    claims = {claim.run_id: claim for claim in await runner.claim(slots=2)}
    await runner.started(claims[plain.run_id])
    await reading.book(runner, claims[plain.run_id], used("m1"), used("m2"))
    assert (await budget_of(reading, root.session_id)).left_tokens == 5
    await reading.book(runner, claims[plain.run_id], used("m3"))
    assert await world.status(plain.session_id) == "stopping"
    with pytest.raises(InvalidRequest, match="does not change the budget"):
        await world.resume(root.session_id, limits=Limits(budget_tokens=99))
    with pytest.raises(Conflict) as fixed:
        await world.budgets.set(OWNER, plain.session_id, SetBudget(budget_tokens=99))
    assert (fixed.value.code, root.session_id in fixed.value.hint) == ("budget_fixed", True)
    with pytest.raises(InvalidRequest):
        await world.budgets.set(OWNER, root.session_id, SetBudget())


async def test_reservations_at_once_share_what_is_there(reading: Reading, runner: PlayedRunner) -> None:
    """50: of many that come together exactly those get it that fit."""
    root = await reading.world.start("root", limits=dollars(1_000_000))
    await begin(runner, root)
    tries = [reading.world.start(f"child {n}", caller=agent_of(root), limits=dollars(300_000)) for n in range(8)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, Conflict)]
    assert [one.errors[0]["left_microdollars"] for one in refused] == [100_000] * 5
    assert sum(isinstance(one, RunCreated) for one in outcomes) == 3


async def test_work_that_began_without_a_budget_can_be_given_one(reading: Reading, runner: PlayedRunner) -> None:
    """50: what was spent before counts, and what is reported late; pools below that are there stay outermost."""
    world = reading.world
    root = await world.start("root")
    child = await world.start("child", caller=agent_of(root))
    claims = {claim.run_id: claim for claim in await runner.claim(slots=2)}
    for claim in claims.values():
        await runner.started(claim)
        await reading.book(runner, claim, used("m1", 300))
    await runner.end(claims[child.run_id])
    given = await world.budgets.set(OWNER, root.session_id, SetBudget(budget_microdollars=1_000))
    assert (given.budget.spent_microdollars, given.budget.left_microdollars) == (600, 400)
    await reading.book(runner, claims[child.run_id], used("late", 300))
    assert (await budget_of(reading, child.session_id)).left_microdollars == 100
    assert await world.status(root.session_id) == "running"
    await reading.book(runner, claims[root.run_id], used("m2", 100))
    assert await world.status(root.session_id) == "stopping"
    await check_sums(reading)

    above = await world.start("above")
    below = await world.start("below", caller=agent_of(above), limits=dollars(5))
    with pytest.raises(Conflict) as fixed:
        await world.budgets.set(OWNER, above.session_id, SetBudget(budget_microdollars=9))
    assert (fixed.value.code, below.session_id in fixed.value.detail) == ("budget_fixed", True)


async def test_a_callback_waits_for_the_budget_of_its_receiver(reading: Reading, runner: PlayedRunner) -> None:
    """50, 40: it is no try; raised, it is delivered with what its budget had stopped."""
    world = reading.world
    root = await world.start("root", limits=Limits(budget_tokens=15))
    child = await world.start("child", caller=agent_of(root), execution_mode="async_callback")
    claims = {claim.run_id: claim for claim in await runner.claim(slots=2)}
    for claim in claims.values():
        await runner.started(claim)
    await runner.end(claims[root.run_id], result_text="I wait.")
    await reading.book(runner, claims[child.run_id], used("m1"), used("m2"))
    await runner.end(claims[child.run_id], "stopped")
    await world.callbacks.sweep_once()
    assert await runner.claim(slots=4) == []
    assert (await reading.sessions.get(OWNER, root.session_id)).waiting_for == "budget"
    raised = await world.budgets.set(OWNER, root.session_id, SetBudget(budget_tokens=100))
    again = {claim.session_id: claim for claim in await runner.claim(slots=4)}
    assert (again[root.session_id].trigger, [again[child.session_id].run_id]) == ("callback", raised.resumed)
    assert "agent-callback" in again[root.session_id].prompt
