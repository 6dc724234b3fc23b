"""What a runner does in repositories for the coordinator, by kind of job; blocking. Reports nothing."""

import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from callboard.runner.config import RunnerSettings
from callboard.runner.directories import DirectoryRefused, working_directory
from callboard.runner.identity import private_folder
from callboard.wire import jobs as wire
from callboard.wire.jobs import MAX_FETCHED, JobOrder
from callboard.workspace import changes, preparation, removal, shipping, state_file
from callboard.workspace.git import Git
from callboard.workspace.github import GitHubAccess
from callboard.workspace.identity import own_worktree
from callboard.workspace.issue_authors import check_allowed, judged
from callboard.workspace.journal import Journal
from callboard.workspace.ownership import Workspaces
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Repository, open_repository
from callboard.workspace.tracker import fetch

_SHAPES: Final[dict[str, type[msgspec.Struct]]] = {
    "prepare": wire.Prepare,
    "undo": wire.Undo,
    "write_state": wire.WriteState,
    "remove": wire.Remove,
    "diff": wire.Diff,
    "list_worktrees": wire.ListWorktrees,
    "ship": wire.Ship,
    "fetch_issues": wire.FetchIssues,
}


class RepositoryWork:
    """Does one job after the other, in the repositories that lie inside the runner's roots."""

    def __init__(self, git: Git, folder: Path, settings: RunnerSettings, github: GitHubAccess) -> None:
        """`folder` is private and holds the journal."""
        self.git = git
        self.journal = Journal(folder)
        self.workspaces = Workspaces(git, self.journal, settings.roots)
        self.writing_state = threading.Lock()
        """Held by whoever reads a state file in order to write it."""
        self._settings = settings
        self._github = github
        self._kinds: dict[str, Callable[[Repository, Any], Any]] = {
            "prepare": self._prepare,
            "undo": self._undo,
            "write_state": self._write_state,
            "diff": self._diff,
            "list_worktrees": self._list_worktrees,
            "ship": self._ship,
            "fetch_issues": self._fetch_issues,
        }

    def perform(self, order: JobOrder) -> Any:
        """The answer to a job, as plain values. Doing it twice has one effect. Raises WorkspaceRefused."""
        shape = _SHAPES.get(order.kind)
        if shape is None:
            sentence = f"This runner does not know jobs of the kind {order.kind!r}."
            raise WorkspaceRefused("job_unknown", sentence, "Install the coordinator's version here.")
        try:
            request = msgspec.convert(order.request, shape)
        except msgspec.ValidationError as cause:
            raise WorkspaceRefused("job_unknown", f"The job {order.kind} is not understood: {cause}.") from cause
        repository = self._repository(order.path)
        if isinstance(request, wire.Remove):
            return msgspec.to_builtins(self._remove(repository, request, order.job_id))
        return msgspec.to_builtins(self._kinds[order.kind](repository, request))

    def recover(self) -> list[str]:
        """Undo what an earlier process of this runner left half done; the sessions of it."""
        return preparation.recover(self.git, self.journal)

    def _repository(self, path: str) -> Repository:
        try:
            place = working_directory(path, self._settings.project_dir, self._settings.roots)
        except DirectoryRefused as refused:
            raise WorkspaceRefused("outside_roots", str(refused)) from refused
        return open_repository(self.git, place)

    def _prepare(self, repository: Repository, order: wire.Prepare) -> wire.Prepared:
        settings = self._settings
        if order.tracker != "local":
            order.issues = self._texts(repository, order)
        return preparation.prepare(repository, self.journal, order, hostname=settings.hostname, roots=settings.roots)

    def _texts(self, repository: Repository, order: wire.Prepare) -> list[wire.IssueText]:
        """The texts to work on. For a session that is prepared they stay those that were judged, whatever they are now.

        A dry run is told also what is not allowed.
        """
        earlier = None if order.dry_run else self.journal.find(order.session_id)
        if earlier is not None and earlier.prepared is not None:
            return earlier.prepared.issues
        numbers = [one.number for one in order.issues]
        found = judged(order, self._issues(repository, order.remote_url, numbers))
        if not order.dry_run:
            check_allowed(order, found)
        return found

    def _undo(self, repository: Repository, order: wire.Undo) -> None:
        preparation.undo(repository, self.journal, order.session_id)

    def _remove(self, repository: Repository, order: wire.Remove, job_id: str) -> wire.Removed:
        entry = self.journal.of_worktree(Path(order.path))
        if entry is not None and entry.prepared is None:
            preparation.undo(repository, self.journal, entry.session_id)
            removed = "branch" in entry.begun and repository.branch_tip(entry.branch) is None
            return wire.Removed(path=entry.path, branch_removed=removed)
        return removal.remove(repository, self.journal, order, job_id)

    def _write_state(self, repository: Repository, order: wire.WriteState) -> None:
        linked = own_worktree(repository, self.journal, Path(order.path))
        with self.writing_state:
            state_file.write_state(repository, linked, order.file_name, order.content)

    def _diff(self, repository: Repository, order: wire.Diff) -> wire.DiffText:
        return changes.diff_of(repository, own_worktree(repository, self.journal, Path(order.path)), order)

    def _list_worktrees(self, repository: Repository, order: wire.ListWorktrees) -> list[wire.Worktree]:
        return removal.list_worktrees(repository, self.journal, order)

    def _ship(self, repository: Repository, order: wire.Ship) -> wire.Shipped:
        own_worktree(repository, self.journal, Path(order.path))
        return shipping.ship(repository, order, self._github)

    def _fetch_issues(self, repository: Repository, order: wire.FetchIssues) -> list[wire.IssueText]:
        return self._issues(repository, order.remote_url, order.numbers, min(max(order.limit, 1), MAX_FETCHED))

    def _issues(
        self, repository: Repository, known_url: str | None, numbers: list[int], limit: int = 1
    ) -> list[wire.IssueText]:
        remote = shipping.remote_of(repository, known_url)
        return fetch(self._github.tracker(self.git, remote), numbers, limit)


def repository_work(folder: Path, settings: RunnerSettings, environment: Mapping[str, str]) -> RepositoryWork:
    """What a runner does in repositories, with its private files below its own folder."""
    home = private_folder(folder / "home")
    for left in home.glob("view-*"):
        shutil.rmtree(left, ignore_errors=True)
    git = Git(home, environment, threading.Event())
    github = GitHubAccess(
        program=settings.gh,
        token_file=settings.github_token_file,
        api_url=settings.github_api_url,
        environment=environment,
    )
    return RepositoryWork(git, private_folder(folder / "work"), settings, github)
