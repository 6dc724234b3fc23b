"""A repository of a person, and what a runner does in it."""

import os
import subprocess
import threading
from pathlib import Path
from typing import Any

from callboard.wire.jobs import IssueText, Prepare, Prepared
from callboard.workspace.git import Git
from callboard.workspace.journal import Journal
from callboard.workspace.preparation import prepare, undo
from callboard.workspace.repository import Repository, open_repository

SESSION = "ses_01hzzzzzzzzzzzzzzzzzzzzzzz"


class Place:
    """`path` is the person's repository; the worktrees are made beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "project" / "shop"
        self.path.mkdir(parents=True)
        (folder / "home").mkdir(mode=0o700)
        (folder / "work").mkdir(mode=0o700)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("readme", "hello\n")
        self.journal = Journal(folder / "work")
        self.environment = {"PATH": os.environ["PATH"]}

    @property
    def worktree(self) -> Path:
        return self.path.parent / "shop-issue-42"

    def git(self, *arguments: str, at: Path | None = None) -> str:
        """What git says to the person."""
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@localhost")
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *who, *arguments], cwd=at or self.path, env=variables, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, name: str, content: str, at: Path | None = None) -> str:
        """A commit of the person, or of a worker in its worktree."""
        folder = at or self.path
        (folder / name).write_text(content)
        self.git("add", name, at=folder)
        self.git("commit", "--quiet", "-m", f"change {name}", at=folder)
        return self.git("rev-parse", "HEAD", at=folder)

    def guarded(self) -> Git:
        """git as the runner starts it."""
        return Git(self.folder / "home", self.environment, threading.Event())

    def repository(self) -> Repository:
        return open_repository(self.guarded(), self.path)

    def order(self, **fields: Any) -> Prepare:
        """What the coordinator asks for."""
        given: dict[str, Any] = {
            "session_id": SESSION,
            "handle": "42",
            "issues": [IssueText(number=42, title="Prices are wrong", body="See **here**")],
            "tracker": "local",
            "branch": "issue-42",
            "directory_name": "shop-issue-42",
        }
        return Prepare(**(given | fields))

    def prepare(self, *, roots: tuple[Path, ...] = (), **fields: Any) -> Prepared:
        allowed = (self.path.parent, *roots)
        return prepare(self.repository(), self.journal, self.order(**fields), hostname="here", roots=allowed)

    def undo(self) -> None:
        undo(self.repository(), self.journal, SESSION)

    def left(self) -> list[str]:
        """What is there of a preparation: branches, folders, git's own folders, journal."""
        branches = [name for name in self.git("branch", "--format=%(refname:short)").splitlines() if name != "main"]
        folders = [one.name for one in self.path.parent.iterdir() if one != self.path]
        private = [one.name for one in self.path.glob(".git/worktrees/*")]
        noted = [one.name for one in self.journal.folder.iterdir()]
        views = [one.name for one in (self.folder / "home").iterdir()]
        return branches + folders + private + noted + views
