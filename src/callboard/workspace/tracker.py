"""What a tracker elsewhere is asked, and what it may answer; whoever it is. Asks nobody.

What comes from there is untrusted: it is bounded here, and marked by those who show it to an agent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from callboard.wire.jobs import IssueText
from callboard.workspace.refusal import WorkspaceRefused

MAX_TITLE_CHARACTERS: Final = 200
MAX_BODY_CHARACTERS: Final = 65_536
MAX_WORD_CHARACTERS: Final = 100


class Tracker(Protocol):
    """A tracker of one repository. Every call raises WorkspaceRefused: `tracker_access`, `tracker_unavailable`,
    `tracker_refused` or `issue_unknown`."""

    def issue(self, number: int) -> IssueText: ...
    def open_issues(self, limit: int) -> list[IssueText]: ...
    def pull_request(self, branch: str) -> str | None: ...
    def open_pull_request(self, new: "NewPullRequest") -> str: ...
    def push_token(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class NewPullRequest:
    """A pull request to open."""

    title: str
    body: str
    base: str
    head: str
    draft: bool = False


def fetch(tracker: Tracker, numbers: Sequence[int], limit: int) -> list[IssueText]:
    """These issues, in their order; without numbers the open ones. `issue_unknown` names all that are not there."""
    if not numbers:
        return tracker.open_issues(limit)
    found: list[IssueText] = []
    unknown: list[int] = []
    for number in numbers:
        try:
            issue = tracker.issue(number)
            if issue.number != number:  # it was moved to another repository, and the way there was followed
                raise unknown_issues([number])
            found.append(issue)
        except WorkspaceRefused as refused:
            if refused.code != "issue_unknown":
                raise
            unknown.append(number)
    if unknown:
        raise unknown_issues(unknown)
    return found


def unknown_issues(numbers: Sequence[int]) -> WorkspaceRefused:
    """The refusal that names them."""
    told = ", ".join(map(str, numbers))
    return WorkspaceRefused("issue_unknown", f"The tracker has no issue {told}.")


def issue_text(said: Mapping[str, Any]) -> IssueText:
    """An issue as a tracker says it, within our bounds. Raises `tracker_refused` for what is none."""
    number, title, body, state = (said.get(name) for name in ("number", "title", "body", "state"))
    if not isinstance(number, int) or not isinstance(title, str) or not isinstance(body, str | None):
        raise WorkspaceRefused("tracker_refused", "The tracker's answer is not understood.")
    closed = str(state).lower() == "closed"
    author, association = said.get("user"), said.get("author_association")
    return IssueText(
        number=number,
        title=_clean(title, MAX_TITLE_CHARACTERS) or f"Issue {number}",
        body=_clean(body or "", MAX_BODY_CHARACTERS),
        state="closed" if closed else "open",
        author=_word(author.get("login") if isinstance(author, dict) else None),
        association=_word(association),
    )


def pull_request_url(said: object) -> str:
    """The address of a pull request. Raises `tracker_refused` for what is none."""
    if isinstance(said, str) and said.startswith(("https://", "http://")) and len(said) <= 2000 and said.isprintable():
        return said
    raise WorkspaceRefused("tracker_refused", "The tracker did not say where the pull request is.")


def _word(said: object) -> str:
    return _clean(said, MAX_WORD_CHARACTERS) if isinstance(said, str) and said.isprintable() else ""


def _clean(text: str, most: int) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]
