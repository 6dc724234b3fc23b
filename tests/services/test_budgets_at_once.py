"""One budget at two coordinators at once: what one of them does not know of yet is never spent or promised twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from itertools import cycle
from pathlib import Path

import pytest

from callboard.domain.errors import Conflict
from callboard.domain.usage import UsageRow
from callboard.wire.budgets import SetBudget
from callboard.wire.requests import Limits
from callboard.wire.responses import RunCreated
from callboard.wire.runner import Claim, UsageReport
from tests.services.reading_world import OWNER, agent_of
from tests.services.two_coordinators import Coordinators, at_once, open_coordinators
from tests.services.world import PlayedRunner
from tests.support.database import FAST_ON_SQLITE

CALL = 1_000


@pytest.fixture(params=FAST_ON_SQLITE)
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Coordinators]:
    """Two coordinators."""
    async with open_coordinators(request.param, tmp_path) as opened:
        yield opened
        # A run that its budget withholds is first in line and not claimable.
        assert [problem for problem in await opened.problems() if "claimable is" not in problem] == []


def dollars(amount: int) -> Limits:
    """A budget in micro-dollars."""
    return Limits(budget_microdollars=amount)


async def test_the_last_bit_is_reserved_once(pair: Coordinators) -> None:
    """50: of two that come for the same rest at two coordinators one gets it, the other is told what is left."""
    worlds = cycle(pair.both)
    root = await pair.first.start(limits=dollars(10 * CALL))
    asked = [next(worlds).start(caller=agent_of(root), limits=dollars(6 * CALL)) for _ in range(4)]
    (child,), refused = await at_once(*asked)
    assert [(one.code, one.errors[0]["left_microdollars"]) for one in refused] == [
        ("budget_insufficient", 4 * CALL)
    ] * 3
    await pair.first.stops.stop_session(OWNER, child.session_id, subtree=False)
    other = await pair.second.start(caller=agent_of(root), limits=dollars(6 * CALL))
    for _ in range(6):  # both have given back what they held, and nothing but the pool is common to their runs
        await pair.first.stops.stop_session(OWNER, child.session_id, subtree=False)
        await pair.first.stops.stop_session(OWNER, other.session_id, subtree=False)
        pairs = zip(pair.both, (child, other), strict=True)
        again, refused = await at_once(*(world.resume(one.session_id) for world, one in pairs))
        assert (len(again), [one.code for one in refused]) == (1, ["budget_insufficient"])


async def test_r22_a_budget_over_two_coordinators_is_overshot_by_at_most_a_call_of_each_session(
    pair: Coordinators,
) -> None:
    """R22: reports, reservations, claims, sweeps and a raise at once, in nested pools, without a deadlock."""
    runner = await pair.runner(slots=32)
    root = await pair.first.start(limits=dollars(20 * CALL))
    family = [root]
    for world in pair.both * 3:
        family.append(await world.start(caller=agent_of(root), limits=dollars(2 * CALL) if len(family) % 2 else None))
    await pair.catch_up()
    claims = [claim for one in runner for claim in await one.claim(slots=16)]
    assert {claim.run_id for claim in claims} == {one.run_id for one in family}
    await asyncio.gather(*(runner[0].started(claim) for claim in claims))
    turns = cycle(runner)
    spending = [_spend(next(turns), claim) for claim in claims for _ in range(2)]
    sweeps = [world.budgets.sweep_once() for world in pair.both for _ in range(5)]
    raises = [pair.second.budgets.set(OWNER, root.session_id, SetBudget(budget_microdollars=15 * CALL))]
    children = [world.start(caller=agent_of(root), limits=dollars(CALL)) for world in pair.both]
    await asyncio.gather(*spending, *sweeps, *raises, *(_or_refused(child) for child in children))

    budget = (await pair.readings[0].usage.of_session(OWNER, root.session_id)).budget
    total = (await pair.readings[1].usage.of_session(OWNER, root.session_id)).subtree
    assert budget is not None
    assert budget.spent_microdollars == total.cost_microdollars
    assert 15 * CALL <= budget.spent_microdollars <= 20 * CALL + len(family) * CALL
    for world in pair.both:
        await world.budgets.sweep_once()
    assert {await pair.first.status(one.session_id) for one in family} == {"stopping"}
    await pair.catch_up()
    assert [await one.claim(slots=16) for one in runner] == [[], []]


async def test_a_budget_that_is_given_while_its_runs_spend_counts_everything_once(pair: Coordinators) -> None:
    """50: two people give one at once to work that had none; no report falls between the two."""
    runner = await pair.runner(slots=32)
    root = await pair.first.start()
    family = [root, *[await world.start(caller=agent_of(root)) for world in pair.both]]
    await pair.catch_up()
    claims = [claim for one in runner for claim in await one.claim(slots=16)]
    await asyncio.gather(*(runner[0].started(claim) for claim in claims))
    given = [world.budgets.set(OWNER, root.session_id, SetBudget(budget_tokens=10**6)) for world in pair.both]
    late = [world.start(caller=agent_of(root)) for world in pair.both]
    turns = cycle(runner)
    await asyncio.gather(*(_spend(next(turns), claim, 5) for claim in claims * 2), *given, *late)
    usage = await pair.readings[0].usage.of_session(OWNER, root.session_id)
    assert usage.budget is not None
    assert usage.budget.spent_tokens == usage.subtree.input_tokens == 5 * len(family)
    assert usage.budget.spent_microdollars == usage.subtree.cost_microdollars


async def _spend(runner: PlayedRunner, claim: Claim, calls: int = 12) -> None:
    """Calls of a model, one after the other, until the run is to stop; each is reported twice."""
    for number in range(calls):
        run = await runner.world.run(claim.run_id)
        if run.stop_requested_at is not None:
            return
        row = UsageRow(model="large", message_id=f"call {number}", input_tokens=1, cost_microdollars=CALL)
        await runner.world.reports.usage(runner.caller, claim.run_id, _report(runner, claim, row))


def _report(runner: PlayedRunner, claim: Claim, row: UsageRow) -> UsageReport:
    return UsageReport(runner_id=runner.runner_id, epoch=runner.epoch, attempt=claim.attempt, rows=[row])


async def _or_refused(child: Awaitable[RunCreated]) -> None:
    with contextlib.suppress(Conflict):
        await child
