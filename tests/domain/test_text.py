"""What texts and numbers a request may carry."""

import pytest

from callboard.domain.errors import CODES, CallboardError, InvalidRequest, TooLarge
from callboard.domain.text import check_text, check_tree


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\udfffy"])
def test_nul_and_lone_surrogates_are_refused(text: str) -> None:
    """20: text is valid Unicode without NUL."""
    with pytest.raises(InvalidRequest) as refused:
        check_text(text, "/prompt")
    assert refused.value.code == "invalid_text"


def test_a_prompt_over_a_mebibyte_is_too_large() -> None:
    """20: the prompt has at most 1 MiB, counted in bytes."""
    check_text("ä" * (512 * 1024), "/prompt")
    with pytest.raises(TooLarge):
        check_text("ä" * (512 * 1024 + 1), "/prompt")


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, float("nan"), float("inf"), {"a": [{"b": 1e300}]}])
def test_numbers_beyond_two_to_the_53_are_refused_at_any_depth(value: object) -> None:
    """20: numbers within 2^53."""
    with pytest.raises(InvalidRequest):
        check_tree(value, "/parameters")


def test_nesting_is_bounded() -> None:
    """20: no unbounded input."""
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(InvalidRequest):
        check_tree(deep, "/parameters")


def test_an_error_without_a_documented_code_cannot_be_made() -> None:
    """20: codes are a closed, documented list."""
    with pytest.raises(ValueError, match="undocumented"):
        CallboardError("x", code="made_up")
    assert all(sentence.endswith(".") for sentence in CODES.values())
