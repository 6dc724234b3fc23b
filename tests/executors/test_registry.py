"""The table of executor types is what can be loaded."""

import pytest

from callboard.executors import EXECUTORS, load


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_type_loads_under_its_name(name: str) -> None:
    executor = load(name)
    assert executor.name == name
    assert executor.native_ids in ("chosen", "global", "host", "none")
    assert executor.usage_grain in ("call", "turn", "run")


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(KeyError):
        load("nobody")
