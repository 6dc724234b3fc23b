"""Whatever an agent writes, an event's payload is valid, readable and within its size (R17)."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.event import MAX_PAYLOAD_BYTES
from callboard.executors.payload import cut, fit, read_object

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=30,
)


@given(payload=st.dictionaries(st.text(max_size=20), JSON, max_size=6))
def test_every_payload_becomes_valid_json_without_nul(payload: dict[str, Any]) -> None:
    encoded = msgspec.json.encode(fit(payload))
    assert b"\\u0000" not in encoded
    assert len(encoded) <= MAX_PAYLOAD_BYTES


def test_what_fits_is_left_as_it_is() -> None:
    payload = {"a": "x" * 100_000, "b": [1, {"c": None}]}
    assert fit(payload) is payload


@pytest.mark.parametrize(
    "payload",
    [
        {"text": "x" * 600_000},
        {"text": "\N{PERFORMING ARTS}" * 200_000},
        {"texts": ["y" * 1000] * 1000},
        {"deep": {"deeper": [{"text": "z" * 400_000}]}},
        {str(number): "w" * 100 for number in range(20_000)},
    ],
    ids=["text", "wide", "list", "deep", "keys"],
)
def test_what_is_too_large_is_cut_and_marked(payload: dict[str, Any]) -> None:
    fitted = fit({"kept": 7, **payload})
    assert len(msgspec.json.encode(fitted)) <= MAX_PAYLOAD_BYTES
    assert fitted["truncated"] is True
    assert fitted["kept"] == 7


def test_half_characters_nul_and_huge_numbers_are_replaced() -> None:
    fitted = fit({"half": "a\ud800b", "nul": "a\0b", "many": 10**30, "nested": ["\0"]})
    assert fitted == {
        "half": "a?b",
        "nul": "a\N{REPLACEMENT CHARACTER}b",
        "many": 1e30,
        "nested": ["\N{REPLACEMENT CHARACTER}"],
    }


def test_a_cut_text_says_how_much_is_missing() -> None:
    assert cut("abcdef", 4) == "abcd…[cut 2 characters]"
    assert cut("abcd", 4) == "abcd"


@pytest.mark.parametrize("text", ["", "{", "[1]", '"a"', "nul", "[" * 100_000, '{"a": ' * 50_000])
def test_what_is_no_object_is_none(text: str) -> None:
    assert read_object(text) is None


def test_objects_are_read_also_with_half_characters_and_huge_numbers() -> None:
    assert read_object('{"a": "\\ud800", "b": 123456789012345678901234567890}') == {
        "a": "\ud800",
        "b": 123456789012345678901234567890,
    }
