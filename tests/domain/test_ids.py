"""Ids: their form, their order, and that nobody else can make one."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain import ids

BITS_74 = st.integers(0, 2**74 - 1)


@given(time_ms=st.integers(0, 2**48 - 1), bits=BITS_74)
def test_an_id_holds_a_uuid7_of_its_time(time_ms: int, bits: int) -> None:
    """A26: a session id has the TypeID form over a UUIDv7."""
    made = ids.encode(ids.SESSION, ids.uuid7(time_ms, bits))
    inside = ids.uuid_of(made)
    assert ids.is_id(ids.SESSION, made)
    assert not ids.is_id(ids.RUN, made)
    assert (inside.version, inside.variant) == (7, uuid.RFC_4122)
    assert inside.int >> 80 == time_ms


@given(times=st.lists(st.integers(10**12, 10**12 + 5), min_size=2, max_size=50), bits=BITS_74)
def test_ids_sort_by_creation_even_when_the_clock_stands_or_steps_back(times: list[int], bits: int) -> None:
    """A26."""
    clock = iter(times)
    source = ids.IdSource(lambda: next(clock), lambda width: bits & (2**width - 1))
    made = [source.new(ids.RUN) for _ in times]
    assert made == sorted(set(made))


@given(text=st.text(max_size=40))
def test_any_other_text_is_no_id(text: str) -> None:
    """Illegal ids are refused before anything is looked up."""
    assert not ids.is_id(ids.SESSION, text)
    with pytest.raises(ValueError, match="not an id"):
        ids.uuid_of(text)


def test_the_same_machine_directory_and_name_are_the_same_runner() -> None:
    """A08."""
    assert ids.runner_id("host", "/srv", "one") == ids.runner_id("host", "/srv", "one")
    assert ids.runner_id("host", "/srv", "one") != ids.runner_id("host", "/srvone", "")
    assert ids.is_id(ids.RUNNER, ids.runner_id("host", "/srv", ""))
