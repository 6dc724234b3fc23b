"""Judges issues of a tracker elsewhere before anything is made for them: by their author, else by their exact text."""

from collections.abc import Sequence

import msgspec

from callboard.domain.issue_authors import content_hash, is_of_project
from callboard.wire.jobs import IssueText, Prepare
from callboard.workspace.refusal import WorkspaceRefused


def judged(order: Prepare, issues: Sequence[IssueText]) -> list[IssueText]:
    """The issues, each with the hash of its text and why it may be worked on; an empty `allowed_by`: it may not."""
    return [_judged(order, one, content_hash(one.number, one.title, one.body)) for one in issues]


def check_allowed(order: Prepare, issues: Sequence[IssueText]) -> None:
    """Raises `issue_author` for the issues that strangers wrote, naming all of them."""
    strange = [one for one in issues if not one.allowed_by]
    if strange:
        numbers = " ".join(str(one.number) for one in order.issues)
        accept = " ".join(f"--accept-text {one.number}={one.content_hash}" for one in strange)
        raise WorkspaceRefused(
            "issue_author",
            " ".join(_sentence(order, one) for one in strange),
            f"Read it: callboard spawn {numbers} --dry-run; to work on exactly this text: {accept}. "
            "Authors who may always: issue_authors in .callboard/config.toml, then callboard project add.",
        )


def _judged(order: Prepare, issue: IssueText, text_hash: str) -> IssueText:
    allowed_by = ""
    if is_of_project(issue.author, issue.association, order.issue_authors):
        allowed_by = "author"
    elif order.accept_text.get(str(issue.number)) == text_hash:
        allowed_by = "text"
    return msgspec.structs.replace(issue, content_hash=text_hash, allowed_by=allowed_by)


def _sentence(order: Prepare, issue: IssueText) -> str:
    who = issue.author or "somebody who is gone"
    if str(issue.number) in order.accept_text:
        return f"The text of issue {issue.number} by {who} is another one than that which was accepted."
    return f"Issue {issue.number} is by {who}, who is not of the project ({issue.association or 'nothing is known'})."
