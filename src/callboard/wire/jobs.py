"""What each kind of job asks of a runner, and what it answers. Knows no rules."""

from typing import Any

import msgspec


class JobOrder(msgspec.Struct, kw_only=True):
    """A job for a runner; said again until it is reported. Doing it twice has one effect."""

    job_id: str
    kind: str
    project_id: str
    session_id: str | None
    path: str
    """The repository."""
    request: dict[str, Any]


class Asked(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The request of a job; unknown fields of newer sides are accepted."""


class Answer(msgspec.Struct, kw_only=True):
    """What a job answers: whole, as those who read it know no defaults; unknown fields of newer sides are accepted."""


class IssueText(Answer, kw_only=True):
    """An issue as its tracker has it."""

    number: int
    title: str
    body: str = ""
    state: str = "open"
    author: str = ""
    """As the tracker names who wrote it; empty: nobody that it knows."""
    association: str = ""
    """What the author is to the repository, in the tracker's word, such as OWNER or NONE."""
    content_hash: str = ""
    """Of number, title and body, when it was fetched for work."""
    allowed_by: str = ""
    """Why it may be worked on: by its `author`, or because somebody accepted its `text`; empty: it may not."""


class Prepare(Asked, kw_only=True):
    """Job `prepare`: branch, worktree and state file for a work session."""

    session_id: str
    handle: str
    issues: list[IssueText]
    """With a tracker elsewhere, title and body are empty: the runner asks for them."""
    tracker: str
    branch: str
    directory_name: str
    worktree_root: str | None = None
    """null: the parent of the repository."""
    base_branch: str | None = None
    """null: the default branch of the repository."""
    reuse_branch: bool = False
    new_branch: bool = False
    dry_run: bool = False
    """Only look: answer what would be made, or why not."""
    remote_url: str | None = None
    """What the project's `origin` is known to be: the tracker of another one is not asked."""
    current_issue: int | None = None
    """The issue with which the work begins, where that is not all of them."""
    issue_authors: list[str] = []
    """Whose issues may begin work besides those of people of the project; of a tracker elsewhere."""
    accept_text: dict[str, str] = {}
    """Hashes by number of an issue: exactly these texts may, whoever wrote them."""


class Prepared(Answer, kw_only=True):
    """What `prepare` answers."""

    hostname: str
    path: str
    """Of the worktree; its real path."""
    branch: str
    base_branch: str
    base_commit: str
    branch_created: bool
    issues: list[IssueText]


class Undo(Asked, kw_only=True):
    """Job `undo`: remove what `prepare` made for this session, as its journal says; nothing else, never work."""

    session_id: str


class WriteState(Asked, kw_only=True):
    """Job `write_state`: put this into the state file of a session's worktree."""

    session_id: str
    path: str
    """Of the worktree."""
    file_name: str
    content: dict[str, Any]


class Remove(Asked, kw_only=True):
    """Job `remove`: the worktree, and its branch if it was ours and is merged or pushed."""

    path: str
    branch: str | None = None
    base_commit: str | None = None
    confirm: str | None = None
    keep_branch: bool = False


class Removed(Answer, kw_only=True):
    """What `remove` answers."""

    path: str
    branch_removed: bool
    branch_kept: str | None = None
    """Why the branch was left as it is, although it was to go."""
    lost: list[str] = []
    """What was lost with it, as was confirmed."""
    was_there: bool = True
    """False: there was neither a worktree nor a record of one, or it was removed before."""
    folder_removed: bool = True
    """False: its folder was gone before."""
    left_alone: str | None = None
    """What stands at its path and is not ours, in a sentence: nothing of it was looked at or removed."""


class Ship(Asked, kw_only=True):
    """Job `ship`: push the branch and open the pull request."""

    path: str
    branch: str
    base_branch: str
    title: str
    body: str
    allow_uncommitted: bool = False
    draft: bool = False
    remote_url: str | None = None
    """What the project's `origin` is known to be: nothing is pushed elsewhere."""


class Shipped(Answer, kw_only=True):
    """What `ship` answers."""

    pull_request_url: str
    already_open: bool = False
    unnoted: str | None = None
    """Why the repository does not know what `origin` has now: until then its commits count as being only here."""


class Diff(Asked, kw_only=True):
    """Job `diff`: what the worktree changes against the commit it began at."""

    path: str
    base_commit: str
    max_bytes: int = 1_048_576


class DiffText(Answer, kw_only=True):
    """What `diff` answers."""

    text: str
    truncated: bool = False
    files: list[dict[str, Any]] = []
    """{path, status, insertions, deletions}; also what is not committed and what git does not know yet."""
    uncommitted: bool = False
    unpushed: int = 0
    uncommitted_paths: list[str] = []
    """Of what is not committed, the first six; a runner of an earlier version tells none."""
    unpushed_titles: list[str] = []
    """Of the commits that are only there, how the newest five begin."""


class ListWorktrees(Asked, kw_only=True):
    """Job `list_worktrees`: the worktrees of the repository that look like ours."""

    prefix: str
    known: list[str] = []
    """Paths of worktrees in which work goes on: told of also where git does not know them any more."""


class Worktree(Answer, kw_only=True):
    """One of them."""

    path: str
    branch: str | None
    head: str | None
    uncommitted: int
    unpushed: int
    missing: bool = False
    """Its directory is gone, or is not there but elsewhere, or something else is in its place."""
    instead: str | None = None
    """Where it is missing, what is there, or where git moved it to, in a few words; None for nothing."""
    half_made_for: str | None = None
    """The session for which its preparation was begun and could not be undone."""


MAX_FETCHED = 1000
"""Issues that are fetched at once."""


class FetchIssues(Asked, kw_only=True):
    """Job `fetch_issues`: from a tracker elsewhere; numbers empty: the open ones, newest first."""

    numbers: list[int] = []
    limit: int = 100
    remote_url: str | None = None
    """What the project's `origin` is known to be: the tracker of another one is not asked."""
