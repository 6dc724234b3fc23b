"""Text for people: safe for a terminal, and short."""

import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.cli.event_lines import event_parts
from callboard.cli.text import clean, clean_json, duration, fit, money, one_line, seconds_of, short_id, width
from callboard.domain.errors import InvalidRequest
from callboard.domain.usage import UsageTotal
from callboard.wire.responses import Event


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;c3RlYWw=\x07clip", "clip"),
        ("over\rwritten", "over\nwritten"),
        ("back\b\b\b\bspace", "backspace"),
        ("\x9b31mc1", "31mc1"),
        ("\u202egnp.exe", "gnp.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\x1b", ""),
        ("\x1bPqdevice\x1b\\x", "x"),
    ],
)
def test_s8_control_bytes_of_agents_do_nothing(text: str, safe: str) -> None:
    assert clean(text) == safe


@given(st.text())
def test_s8_nothing_that_controls_a_terminal_is_left(text: str) -> None:
    controls = [one for one in clean(text) if unicodedata.category(one) == "Cc" and one not in "\n\t"]
    assert controls == []


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_json_keeps_its_value_without_raw_controls() -> None:
    assert clean_json('"\x9b31m\x7f"') == '"\\u009b31m\\u007f"'


@given(st.text(), st.integers(min_value=1, max_value=60))
def test_a_cut_text_fits(text: str, cells: int) -> None:
    line = one_line(text)
    assert width(fit(line, cells)) <= cells
    assert fit(line, width(line)) == line


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5", 1.5), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("250ms", 0.25)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "-3s", "1x", "m5"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (61, "1m 1s"), (3599, "59m"), (3600, "1h"), (9000, "2h 30m"), (200_000, "2d 7h")],
)
def test_durations_are_shown_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_short_id_is_a_valid_reference() -> None:
    assert short_id("ses_01m7yrtwzbeej87gdstv1fd2zb") == "tv1fd2zb"
    assert short_id("ses_01m7yrtwzbeej87gdsz12345678") == "z12345678"


def test_money_says_how_sure_it_is() -> None:
    assert money(UsageTotal()) == ""
    assert money(UsageTotal(cost_microdollars=8700)) == "$0.0087"
    assert money(UsageTotal(cost_microdollars=1_000_000, estimated=True)) == "~$1.0000"
    assert money(UsageTotal(cost_microdollars=1_000_000, unpriced=True)) == "≥$1.0000"
    assert money(UsageTotal(unpriced=True)) == "?"


@pytest.mark.parametrize(
    ("event_type", "payload", "said"),
    [
        (
            "budget_changed",
            {"before_microdollars": 500_000, "budget_microdollars": 2_500_000, "by": "tok_1", "by_label": "Ann"},
            "budget raised from $0.50 to $2.50 by Ann",
        ),
        ("budget_changed", {"before_tokens": 900, "budget_tokens": None}, "budget limit of 900 tokens taken away"),
        ("stop_requested", {"reason": "stopped", "stopped_by": "person"}, "stop requested by a person"),
        (
            "callback_accepted",
            {"child_session_id": "ses_01abcdef", "run_id": "run_01ghijkl"},
            "callback the end of session 01abcdef was heard by the agent of run 01ghijkl",
        ),
        (
            "callback_held",
            {"child_session_id": "ses_01abcdef", "why": "It was stopped."},
            "callback the end of session 01abcdef is held: It was stopped.",
        ),
    ],
)
def test_r22_budgets_stops_and_callbacks_are_told_in_words(event_type: str, payload: dict[str, Any], said: str) -> None:
    at = "2026-01-01T00:00:00.000Z"
    event = Event(
        session_id="ses_1",
        seq=1,
        cursor="1",
        run_id=None,
        attempt=None,
        type=event_type,
        at=at,
        source_at=None,
        payload=msgspec.Raw(msgspec.json.encode(payload)),
    )
    parts = event_parts(event, whole=True)
    assert "".join(part if isinstance(part, str) else part.text for part in parts) == said
