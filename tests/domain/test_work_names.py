"""What work on issues is called (A50), and which numbers, branches and prefixes are taken."""

import pytest

from callboard.domain.errors import InvalidRequest
from callboard.domain.work_names import check_base, check_branch, check_prefix, names_of, read_issues


@pytest.mark.parametrize(
    ("issues", "names"),
    [
        ([42], ("42", "issue-42", "web-issue-42", "work-42.json")),
        ([1, 2, 3], ("1", "issues-1-2-3", "web-issues-1-2-3", "work-1.json")),
        ([3, 2, 1], ("3", "issues-3-2-1", "web-issues-3-2-1", "work-3.json")),
    ],
)
def test_a50_the_table_of_names(issues: list[int], names: tuple[str, ...]) -> None:
    made = names_of(issues, "web-")
    assert (made.handle, made.branch, made.directory_name, made.state_file) == names
    assert names_of(issues, "").directory_name == made.branch
    assert names_of(issues, "web-", "milestone-7").branch == "milestone-7"


def test_names_that_are_too_long_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="200"):
        names_of([2**53 - number for number in range(20)], "web-")
    with pytest.raises(InvalidRequest, match="255"):
        names_of([1], "ü" * 130)


def test_a50_every_bad_number_is_named() -> None:
    words = ["0", "01", "+5", "-5", "5", "\uff15", "\u0665", "5.0", "0x5", "", " 7", "5", "9" * 40]
    with pytest.raises(InvalidRequest) as refused:
        read_issues(words)
    assert len(refused.value.errors) == len(words) - 1
    assert read_issues(["3", "1"]) == [3, 1]
    with pytest.raises(InvalidRequest, match="21 issues: at most 20"):
        read_issues([str(number) for number in range(1, 22)])
    with pytest.raises(InvalidRequest, match="no issue is given"):
        read_issues([])


NO_BRANCHES = (
    *("", "-x", "a..b", "a b", "a~1", "a^", "a:b", "x?", "x*", "x[", "a\\b", "@", "a@{b", "a//b", "/a", "a/"),
    *(".a", "a/.b", "a.lock", "a.lock/b", "a.", "a\x7f", "x" * 201, "HEAD"),
)


@pytest.mark.parametrize("name", NO_BRANCHES)
def test_what_git_would_not_take_is_no_branch(name: str) -> None:
    with pytest.raises(InvalidRequest):
        check_branch(name, "/base_branch")


@pytest.mark.parametrize("name", [*NO_BRANCHES, "a$(x)", "ünï", "a;b", "refs/heads/main", "@types/x"])
def test_s9_what_a_runner_would_not_take_is_refused_before_it_is_asked(name: str) -> None:
    """S9: before git starts; a branch that is only known is not asked for."""
    with pytest.raises(InvalidRequest):
        check_base(name, "/base_branch")
    assert check_base("feature/x-1.2_3", "/base_branch") == "feature/x-1.2_3"


def test_plain_branches_and_prefixes_are_taken() -> None:
    for name in ("main", "feature/x-1", "release_2.0", "ünï"):
        assert check_branch(name, "/base_branch") == name
    assert check_prefix("web-") == "web-"
    for prefix in ("../", "-x", ".git", "a/b", "a\n"):
        with pytest.raises(InvalidRequest):
            check_prefix(prefix)
