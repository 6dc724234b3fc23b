"""Pools and prices as arithmetic: what is reserved is never more than there is, and a price is that of its day."""

import copy
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.budget import Amounts, Pool, Pools, Shortage, amount_in_words
from callboard.domain.prices import PRICES, estimated, plain_model, price_of
from callboard.domain.usage import UsageRow
from callboard.mcp_server.arguments import StartSession
from callboard.wire.budgets import SetBudget
from callboard.wire.requests import CreateRun
from callboard.wire.tasks import RunTask
from callboard.wire.work import Spawn

IDS = ("root", "left", "right", "below")
ABOVE = {"root": None, "left": "root", "right": "root", "below": "left"}
STEPS = st.lists(
    st.tuples(st.sampled_from(("open", "part", "charge", "limit", "settle")), st.sampled_from(IDS), st.integers(0, 60)),
    max_size=40,
)


def pools_of(**limits: Amounts) -> Pools:
    """A root with two pools in it, and one in the left of them."""
    return Pools(Pool(session_id=one, above=ABOVE[one], limits=limits.get(one, {})) for one in IDS)


def left_of(pools: Pools) -> dict[str, int]:
    """What is left in each pool that has a limit; below 0 after an overshoot."""
    return {one.session_id: pools.left(one, "tokens") for one in pools.by_id.values() if "tokens" in one.limits}


@given(STEPS, st.booleans())
def test_whatever_happens_nothing_is_promised_twice(steps: list[tuple[str, str, int]], middle: bool) -> None:
    """50: what the pools inside hold was there, and spent is what was charged at or below."""
    limits: dict[str, Amounts] = {one: {"tokens": 50} for one in IDS if one != "left" or middle}
    pools = pools_of(**limits)
    charged = dict.fromkeys(IDS, 0)
    for what, one, amount in steps:
        before = left_of(pools)
        if what == "charge":
            pools.charge(one, {"tokens": amount})
            charged[one] += amount
        elif what == "settle":
            pools.settle({one})
        else:
            kept = copy.deepcopy(pools.by_id)
            short = pools.limit(one, {"tokens": amount}) if what == "limit" else pools.open(one, partly=what == "part")
            if short is not None:  # a transaction that is refused leaves nothing
                pools.by_id = kept
        if what in ("open", "part", "settle"):
            assert all(left >= min(0, before[each]) for each, left in left_of(pools).items())
        for pool in pools.by_id.values():
            assert pool.spent["tokens"] == sum(charged[each] for each in pools.within(pool.session_id))
            assert pool.held["tokens"] >= 0
            assert pool.is_open or pool.held["tokens"] == 0
            assert pools.reserved(pool, "tokens") == 0 or "tokens" in pool.limits


def test_a_unit_without_a_limit_is_drawn_from_the_nearest_pool_that_has_one() -> None:
    pools = pools_of(root={"tokens": 100, "microdollars": 100}, left={"microdollars": 40}, below={"tokens": 30})
    assert pools.open("below") is None
    assert (pools.left(pools.by_id["root"], "tokens"), pools.left(pools.by_id["root"], "microdollars")) == (70, 60)
    pools.charge("below", {"tokens": 30, "microdollars": 5})
    assert pools.left(pools.by_id["left"], "microdollars") == 35
    assert pools.must_stop("below") == Shortage(session_id="below", unit="tokens", left=0)
    assert pools.must_stop("left") is None
    pools.charge("root", {"microdollars": 95})
    assert pools.must_stop("left") == Shortage(session_id="root", unit="microdollars", left=0)


def test_a_parent_that_gave_everything_to_its_children_goes_on_until_it_spends_itself() -> None:
    pools = pools_of(root={"tokens": 100}, left={"tokens": 60}, right={"tokens": 40})
    assert (pools.open("left"), pools.open("right")) == (None, None)
    assert pools.starts_nothing("root") is not None
    assert pools.must_stop("root") is None
    assert pools.starts_nothing("left") is None
    pools.charge("root", {"tokens": 1})
    assert pools.must_stop("root") is not None
    pools.settle({"root", "left"})
    assert (pools.must_stop("root"), pools.left(pools.by_id["root"], "tokens")) == (None, 39)


def test_amounts_are_said_as_people_write_them() -> None:
    assert amount_in_words("microdollars", 300_000) == "$0.30"
    assert amount_in_words("microdollars", 1) == "$0.000001"
    assert amount_in_words("tokens", 7) == "7 tokens"


def at(day: str) -> int:
    """A day's beginning in Unix milliseconds."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("model", "day", "cost"),
    [
        ("claude-opus-4-5-20251101", "2026-11-01", 5_000 + 25_000 + 500 + 6_250),
        ("anthropic/claude-sonnet-5-5[1m]", "2026-10-06", 2_000 + 10_000 + 200 + 2_500),
        ("claude-sonnet-5-5", "2026-10-07", 2_000 + 10_000 + 100 + 2_500),
        ("claude-sonnet-5-5", "2024-01-01", None),
        ("gpt-5.5", "2026-11-01", 5_000 + 30_000 + 500 + 5_000),
        ("nobody-knows-1", "2026-11-01", None),
        ("large", "2026-11-01", None),
    ],
)
def test_r22_an_estimate_is_that_of_the_model_and_its_day(model: str, day: str, cost: int | None) -> None:
    """R22: price change; an unknown price is null."""
    figures = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
    row = estimated(
        msgspec.convert({"model": model, "message_id": "m"} | dict.fromkeys(figures, 1_000), UsageRow), at(day)
    )
    assert (row.cost_microdollars, row.estimated) == (cost, cost is not None)


def test_a_long_prompt_has_the_price_of_long_prompts_and_what_has_a_cost_keeps_it() -> None:
    short, long = (
        estimated(
            UsageRow(model="claude-haiku-5-5", message_id="m", input_tokens=10, cache_read_tokens=many),
            at("2026-11-01"),
        )
        for many in (99_990, 99_991)
    )
    assert (short.cost_microdollars, long.cost_microdollars) == (1_001, 5_005)
    exact = UsageRow(model="gpt-5.5", message_id="m", input_tokens=10, cost_microdollars=1)
    assert estimated(exact, at("2026-11-01")) is exact


def test_the_table_is_by_plain_names_and_in_the_order_of_its_days() -> None:
    for model, prices in PRICES.items():
        assert plain_model(model) == model
        assert [one.valid_from for one in prices] == sorted({one.valid_from for one in prices})
        assert price_of(model, at("2026-11-20")) is prices[-1]


@pytest.mark.parametrize("budget", ["budget_microdollars", "budget_tokens"])
def test_a_budget_of_nothing_is_refused_wherever_one_is_said(budget: str) -> None:
    """With it nothing would ever begin; a milestone is started as a task is run."""
    nothing = {budget: 0}
    for shape, said in (
        (CreateRun, {"type": "start_session", "prompt": "x", "limits": nothing}),
        (Spawn, {"issues": [1], "limits": nothing}),
        (RunTask, {"limits": nothing}),
        (SetBudget, nothing),
        (StartSession, {"prompt": "x"} | nothing),
    ):
        with pytest.raises(msgspec.ValidationError, match=f">= 1 - at .*{budget}"):
            msgspec.convert(said, shape)
