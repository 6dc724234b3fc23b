"""Pushes a branch from a git directory of our own, and opens its pull request. Commits nothing."""

import base64
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from callboard.wire.jobs import Ship, Shipped
from callboard.workspace import refs
from callboard.workspace.github import GitHubAccess
from callboard.workspace.names import check_branch
from callboard.workspace.proof import check_folder, uncommitted
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Linked, Repository
from callboard.workspace.state_file import worktree_of
from callboard.workspace.tracker import NewPullRequest
from callboard.workspace.view import bare_view, view

PUSH_SECONDS: Final = 240.0
MOST_NAMED: Final = 5


def ship(repository: Repository, order: Ship, access: GitHubAccess) -> Shipped:
    """Push and open the pull request; one that is open already is answered. Raises WorkspaceRefused."""
    with repository.locked() as ours:
        branch, base = check_branch(order.branch), check_branch(order.base_branch)
        linked = worktree_of(ours, Path(order.path))
        head = _ready(ours, linked, branch, base, allow_uncommitted=order.allow_uncommitted)
        url = remote_of(ours, order.remote_url)
        tracker = access.tracker(ours.git.without_handles(), url)
        _push(ours, url, head, branch, tracker.push_token() if url.startswith("http") else None)
        unnoted = _note_pushed(ours, branch, head)
        try:
            there = tracker.pull_request(branch)
            if there is not None:
                return Shipped(pull_request_url=there, already_open=True, unnoted=unnoted)
            new = NewPullRequest(title=order.title, body=order.body, base=base, head=branch, draft=order.draft)
            return Shipped(pull_request_url=tracker.open_pull_request(new), unnoted=unnoted)
        except WorkspaceRefused as refused:
            if refused.code == "interrupted":
                raise
            sentence = f"{branch} is pushed, but its pull request is missing: {refused.sentence}"
            raise WorkspaceRefused(refused.code, sentence, refused.hint or "Mend that, and ship again.") from refused


def _note_pushed(repository: Repository, branch: str, commit: str) -> str | None:
    """Why it could not be noted here where `origin` has the branch; what is pushed is pushed all the same."""
    try:
        refs.note_pushed(repository, branch, commit)
    except WorkspaceRefused as refused:
        if refused.code == "interrupted":
            raise
        prune = f"git -C {repository.path} fetch --prune origin"
        return f"The push is not noted in {repository.path}: {refused.sentence} To mend it: {prune}"
    return None


def remote_of(repository: Repository, known_url: str | None = None) -> str:
    """Where `origin` is, which must be what it is known to be. Raises `no_remote` and `remote_refused`.

    The address stands in a file that an agent may have written; what the project is known by does not.
    """
    url = repository.remote_url()
    if url is not None and known_url not in (None, url):
        sentence = f"The remote `origin` of {repository.path} is {url}, and the project's is {known_url}."
        raise WorkspaceRefused("remote_refused", sentence, f"If that is right: callboard project add {repository.path}")
    if url is not None:
        return url
    if repository.has_remote():
        sentence = f"The address of the remote `origin` of {repository.path} is not one that is asked or pushed to."
        raise WorkspaceRefused("remote_refused", sentence, "It begins with https:// or ssh://, or is git@HOST:PATH.")
    sentence = f"{repository.path} has no remote `origin`."
    raise WorkspaceRefused("no_remote", sentence, "git remote add origin ADDRESS")


def _ready(repository: Repository, linked: Linked, branch: str, base: str, *, allow_uncommitted: bool) -> str:
    """The commit to push."""
    check_folder(repository, linked)
    _check_own(repository, linked, branch)
    on, head = repository.head(linked)
    if on != branch or head is None:
        sentence = f"{linked.path} is on {on or 'no branch'}, not on {branch}."
        raise WorkspaceRefused("wrong_branch", sentence, f"git -C {linked.path} checkout {branch}")
    if not allow_uncommitted:
        with view(repository, linked, head) as shown:
            changed = uncommitted(shown)
        if changed:
            named = ", ".join(changed[:MOST_NAMED]) + (", …" if len(changed) > MOST_NAMED else "")
            sentence = f"{linked.path} has changes that are not committed: {named}."
            raise WorkspaceRefused(
                "uncommitted_changes", sentence, "Commit them, or ship without: --allow-uncommitted."
            )
    if not repository.is_ahead(head, base):
        sentence = f"{branch} has no commit that {base} has not."
        raise WorkspaceRefused("nothing_to_ship", sentence, "Commit the work first.")
    return head


def _check_own(repository: Repository, linked: Linked, branch: str) -> None:
    """Raises `branch_symbolic` with what makes the branch one of its own, at the commit that the worktree shows."""
    try:
        refs.own_tip(repository, branch)
    except WorkspaceRefused as refused:
        if refused.code != "branch_symbolic":
            raise
        hint = f"git -C {linked.path} update-ref --no-deref refs/heads/{branch} HEAD"
        raise WorkspaceRefused(refused.code, refused.sentence, hint) from refused


def _push(repository: Repository, url: str, commit: str, branch: str, token: str | None) -> None:
    parts = urlsplit(url)
    protocols = "https:ssh:http" if parts.scheme == "http" else "https:ssh"
    with bare_view(repository, _credentials(url, token)) as folder:
        try:
            repository.git.without_handles().run(
                folder,
                *("push", "--quiet", "--no-verify", "--end-of-options", url, f"{commit}:refs/heads/{branch}"),
                variables={"GIT_ALLOW_PROTOCOL": protocols},
                seconds=PUSH_SECONDS,
            )
        except WorkspaceRefused as refused:
            if refused.code != "git_failed":
                raise
            hint = "If others have pushed to the branch, bring their commits in first."
            raise WorkspaceRefused("push_rejected", refused.sentence, hint) from refused


def _credentials(url: str, token: str | None) -> str:
    """The token for the host of the address alone, in a private file that is removed after the push."""
    parts = urlsplit(url)
    if token is None or not token.isascii() or not token.isprintable() or parts.scheme not in ("https", "http"):
        return ""
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return f'[http "{parts.scheme}://{parts.netloc}/"]\n\textraHeader = "Authorization: Basic {basic}"\n'
