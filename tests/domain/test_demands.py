"""Demands: merging only adds, and a runner either fits or every reason is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.demands import Demands, Offer, canonical, demand_class, inside, match, merge
from callboard.domain.errors import InvalidRequest

OFFER = Offer(hostname="gpu-2", roots=("/srv/work",), executor_types=("scripted",), tags=("linux", "gpu"))
TAGS = st.lists(st.sampled_from(["gpu", "linux", "mac", "big"]), max_size=3).map(tuple)


def test_a_runner_that_offers_all_fits() -> None:
    """A09."""
    wanted = Demands(executor_type="scripted", hostname="gpu-2", project_dir="/srv/work/web", tags=("gpu",))
    assert match(wanted, OFFER) == []


def test_every_reason_is_named_in_a_sentence() -> None:
    """A10, A83: the sentence names what is missing and what is there."""
    wanted = Demands(executor_type="codex", hostname="mac-1", project_dir="/srv/other", tags=("arm",))
    reasons = match(wanted, OFFER)
    assert [reason.code for reason in reasons] == [
        "hostname_differs",
        "executor_missing",
        "outside_roots",
        "tag_missing",
    ]
    assert "arm" in reasons[3].sentence
    assert "linux, gpu" in reasons[3].sentence


def test_a_choosy_runner_takes_only_what_shares_a_tag() -> None:
    """30: require_matching_tags."""
    choosy = Offer(hostname="h", roots=("/",), executor_types=("scripted",), tags=("gpu",), require_matching_tags=True)
    assert [reason.code for reason in match(Demands(executor_type="scripted"), choosy)] == ["needs_shared_tag"]
    assert match(Demands(executor_type="scripted", tags=("gpu",)), choosy) == []


@given(first=TAGS, second=TAGS)
def test_merging_only_adds(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    """30: affinity, agent and request may each only add."""
    one, two = Demands(executor_type="scripted", tags=first), Demands(executor_type="scripted", tags=second)
    merged = merge(("a", one), ("b", two), executor_type="scripted")
    assert set(merged.tags) == set(first) | set(second)
    assert set(map(_text, match(merged, OFFER))) >= set(map(_text, match(one, OFFER)))


def _text(reason: object) -> str:
    return repr(reason)


def test_a_contradiction_is_refused_and_names_both_sides() -> None:
    """20: contradicting demands are refused before anything is created."""
    one, two = Demands(executor_type="a", hostname="x"), Demands(executor_type="a", hostname="y")
    with pytest.raises(InvalidRequest) as refused:
        merge(("the session's affinity", one), ("the request", two), executor_type="a")
    assert refused.value.code == "contradicting_demands"
    assert "'x'" in refused.value.detail
    assert "'y'" in refused.value.detail


def test_equal_demands_share_a_class_whatever_the_order_of_tags() -> None:
    """30: runs carry a demand class."""
    one = merge(("r", Demands(executor_type="a", tags=("b", "a"))), executor_type="a")
    two = merge(("r", Demands(executor_type="a", tags=("a", "b"))), executor_type="a")
    assert demand_class(one) == demand_class(two)
    assert canonical(one) == '{"executor_type":"a","tags":["a","b"]}'


@pytest.mark.parametrize(
    ("path", "fits"), [("/srv/work", True), ("/srv/work/a", True), ("/srv/workshop", False), ("/srv/work/../x", False)]
)
def test_a_directory_lies_inside_a_root_by_its_parts(path: str, fits: bool) -> None:
    """S10."""
    assert inside(path, "/srv/work") is fits
