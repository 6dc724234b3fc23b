"""The table of executor types is what can be loaded."""

import pytest

from callboard.coordinator.services.run_requests import BUILT_IN_EXECUTORS
from callboard.domain.binding import GLOBAL_NATIVE_IDS
from callboard.executors import EXECUTORS, load


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_type_loads_under_its_name(name: str) -> None:
    executor = load(name)
    assert executor.name == name
    assert executor.native_ids in ("chosen", "global", "host", "none")
    assert executor.usage_grain in ("call", "turn", "run")


@pytest.mark.parametrize("name", EXECUTORS)
def test_what_the_coordinator_knows_of_a_type_is_what_the_type_says(name: str) -> None:
    """10: a native id is unique everywhere for executors with global ids, else on its host."""
    assert (name in GLOBAL_NATIVE_IDS) == (load(name).native_ids in ("chosen", "global"))
    assert name in BUILT_IN_EXECUTORS


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(KeyError):
        load("nobody")
