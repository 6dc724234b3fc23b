"""What work on issues is called: handle, branch, worktree and state file; which numbers and branch names are taken.

Knows no repository and no tracker.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from callboard.domain.errors import InvalidRequest
from callboard.domain.text import MAX_INTEGER

MAX_ISSUES: Final = 20
MAX_BRANCH_BYTES: Final = 200
MAX_DIRECTORY_BYTES: Final = 255
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_WORKED_FROM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*", re.ASCII)
_BAD_IN_BRANCH: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_HOW: Final = "Numbers are written plainly, such as 42; each issue is named once."


class WorkNames(msgspec.Struct, frozen=True, kw_only=True):
    """The names of one work session."""

    handle: str
    branch: str
    directory_name: str
    """Of the worktree, below the directory where worktrees are."""
    state_file: str


def names_of(numbers: Sequence[int], prefix: str, branch: str | None = None) -> WorkNames:
    """The names for these issues in their order; InvalidRequest when a name would be too long, or cannot be one.

    `branch` is for work that is not called by its issues.
    """
    handle = str(numbers[0])
    named = branch or ("issue-" if len(numbers) == 1 else "issues-") + "-".join(map(str, numbers))
    if len(named.encode()) > MAX_BRANCH_BYTES:
        raise InvalidRequest(
            f"The branch {named!r} would have {len(named.encode())} bytes; the limit is {MAX_BRANCH_BYTES}.",
            hint="Give fewer issues.",
            errors=[{"pointer": "/issues", "message": "the branch's name would be too long"}],
        )
    directory = check_prefix(prefix) + named
    if len(directory.encode()) > MAX_DIRECTORY_BYTES:
        raise InvalidRequest(
            f"The directory {directory!r} would have more than {MAX_DIRECTORY_BYTES} bytes.",
            hint="Give fewer issues, or a shorter worktree_prefix.",
        )
    return WorkNames(handle=handle, branch=named, directory_name=directory, state_file=f"work-{handle}.json")


def issue_problems(values: Sequence[Any]) -> list[tuple[Any, str]]:
    """What is wrong with numbers that are asked for: each bad one with the reason; the list as a whole first."""
    problems: list[tuple[Any, str]] = []
    if not values:
        problems.append(("", "no issue is given"))
    if len(values) > MAX_ISSUES:
        problems.append((f"{len(values)} issues", f"at most {MAX_ISSUES}"))
    seen: set[int] = set()
    problems += [(value, why) for value in values if (why := _problem(value, seen))]
    return list(dict.fromkeys(problems))


def _problem(value: Any, seen: set[int]) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_INTEGER:
        return "no number of an issue"
    if value in seen:
        return "given twice"
    seen.add(value)
    return None


def read_issues(words: Sequence[str]) -> list[int]:
    """The numbers that a person typed; InvalidRequest names all that are none, and all that are given twice."""
    return check_issues(as_numbers(words))


def as_numbers(words: Sequence[str]) -> list[Any]:
    """What a person typed, with a number for each word that is plainly one."""
    return [int(plain) if _NUMBER.fullmatch(plain := word.removeprefix("#")) else word for word in words]


def check_issues(values: Sequence[Any]) -> list[int]:
    """The numbers themselves; InvalidRequest names all that are wrong."""
    problems = issue_problems(values)
    if problems:
        raise refusal(problems)
    return list(values)


def refusal(problems: Sequence[tuple[Any, str]]) -> InvalidRequest:
    """The refusal that names all that is wrong with the issues."""
    told = ", ".join(f"{value}: {why}" if value != "" else why for value, why in problems)
    return InvalidRequest(
        f"These issues cannot be worked on: {told}.",
        hint=_HOW,
        errors=[
            {"pointer": "/issues", "message": f"{value!s:.100}: {why}".removeprefix(": ")} for value, why in problems
        ],
    )


def check_branch(name: str, pointer: str) -> str:
    """The name of a branch itself; InvalidRequest when git would take it for something else, or not at all."""
    parts = name.split("/")
    odd = (
        not name
        or len(name.encode()) > MAX_BRANCH_BYTES
        or name.startswith("-")
        or name in ("@", "HEAD")
        or _BAD_IN_BRANCH.search(name)
        or any(not part or part.startswith(".") or part.endswith((".lock", ".")) for part in parts)
    )
    if odd:
        raise InvalidRequest(
            f"{name[:80]!r} is no name of a branch.", errors=[{"pointer": pointer, "message": "no name of a branch"}]
        )
    return name


def check_base(name: str, pointer: str) -> str:
    """The name of a branch that work may begin at: of letters, digits and `. _ / -` alone, as runners take it."""
    if _WORKED_FROM.fullmatch(name) is None or name.partition("/")[0] == "refs":
        raise InvalidRequest(
            f"{name[:80]!r} cannot be the name of a branch here.",
            hint="Letters, digits and . _ / - only, beginning with a letter or digit.",
            errors=[{"pointer": pointer, "message": "no name of a branch here"}],
        )
    return check_branch(name, pointer)


def check_prefix(prefix: str) -> str:
    """The prefix of worktrees itself; InvalidRequest when directories cannot begin with it."""
    odd = "/" in prefix or prefix.startswith(("-", ".")) or any(ord(one) < 32 or one == "\x7f" for one in prefix)
    if odd:
        raise InvalidRequest(
            f"{prefix[:80]!r} is no beginning of a directory's name.",
            hint="Set worktree_prefix in .callboard/config.toml to plain letters, such as web-.",
            errors=[{"pointer": "/settings/worktree_prefix", "message": "no beginning of a directory's name"}],
        )
    return prefix
