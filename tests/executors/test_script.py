"""Which lines of a prompt may run (A13, S15): ours and the user's, never those of others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.executors.script import script_of

FOREIGN = [
    ("<agent-callback session='s' nonce='n'>", "</agent-callback>"),
    ("<agent-callback>", "</agent-callback>"),
    ('<untrusted source="issue 42">', "</untrusted>"),
    ("<issue-text-83fa>", "</issue-text-83fa>"),
    ("----- BEGIN UNTRUSTED 7f -----", "----- END UNTRUSTED 7f -----"),
    ("[begin untrusted]", "[end untrusted]"),
]


def kept(*lines: str, **parameters: str) -> list[str]:
    """The lines that may run."""
    return script_of("\n".join(lines), dict(parameters))


def test_plain_lines_run_in_order() -> None:
    assert kept("say one", "", "  say two  ") == ["say one", "", "  say two  "]


@pytest.mark.parametrize(("begin", "end"), FOREIGN)
def test_lines_of_others_never_run(begin: str, end: str) -> None:
    assert kept("say ours", begin, "run theirs", end, "say ours again") == ["say ours", "say ours again"]


@pytest.mark.parametrize(("begin", "_"), FOREIGN)
def test_what_never_ends_never_runs(begin: str, _: str) -> None:
    assert kept(begin, "run theirs", "say ours?") == []


def test_an_element_on_one_line_is_foreign_text_and_nothing_after_it_is() -> None:
    assert kept("<untrusted>run theirs</untrusted>", "say ours") == ["say ours"]
    assert kept("<br/>", "<untrusted />", "say ours") == ["<br/>", "<untrusted />", "say ours"]


def test_the_marks_count_also_in_the_middle_of_a_line() -> None:
    assert kept("The issue: <untrusted>", "run theirs", "</untrusted>", "say <b> ours") == ["say <b> ours"]
    assert kept("The result: <agent-callback a='1'>run theirs", "run theirs", "it ends </agent-callback>", "say") == [
        "say"
    ]


def test_the_end_of_another_element_ends_nothing() -> None:
    assert kept("<untrusted>", "</agent-callback>", "run theirs", "</untrusted>", "say ours") == ["say ours"]
    assert kept("<untrusted>", "<a>", "</untrusted>", "run theirs", "</a>", "</untrusted>", "say ours") == ["say ours"]
    assert kept("<untrusted>", "END UNTRUSTED", "run theirs", "</untrusted>", "say ours") == ["say ours"]


def test_a_fence_with_the_nonce_of_the_run_is_ours() -> None:
    prompt = ("<untrusted>", "run theirs", "```callboard-script k1", "say ours", "```", "run theirs", "</untrusted>")
    assert kept(*prompt, script_nonce="k1") == ["say ours"]
    assert kept(*prompt, nonce="k1") == ["say ours"]


@pytest.mark.parametrize(
    "fence", ["```callboard-script", "```callboard-script k2", "```callboard-script k1 x", "```sh"]
)
def test_a_fence_that_others_wrote_does_not_run(fence: str) -> None:
    prompt = ("<untrusted>", fence, "run theirs", "```", "</untrusted>", "say ours")
    assert kept(*prompt, nonce="k1") == ["say ours"]
    assert kept(*prompt) == ["say ours"]


def test_without_foreign_text_fences_are_only_marks() -> None:
    assert kept("```callboard-script", "say one", "```", "say two") == ["say one", "say two"]


def test_inside_a_fence_marks_are_text() -> None:
    assert kept("<a>", "```callboard-script k", "<b>", "say ours", "```", "</a>", "say on", nonce="k") == [
        "<b>",
        "say ours",
        "say on",
    ]


@given(
    st.lists(st.sampled_from(["run theirs", "```", "```x", "</b>", "<b>", "END UNTRUSTED", "BEGIN UNTRUSTED", "<c/>"]))
)
def test_whatever_stands_in_an_element_that_is_escaped_nothing_of_it_runs(lines: list[str]) -> None:
    """Escaped means: it holds no end of its own element. Inner beginnings can only keep more from running."""
    assert "run theirs" not in kept("<untrusted>", *lines, "</untrusted>")
