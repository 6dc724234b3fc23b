"""Real repositories for work on issues, and what is in them afterwards."""

import os
import subprocess
from pathlib import Path
from typing import Final

_WHO: Final = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@localhost",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@localhost",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Repository:
    """A repository with one commit on main."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        (path / "README.md").write_text("# Web\n", encoding="utf-8")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "First")

    def git(self, *words: str) -> str:
        """What git prints."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.path)} | _WHO
        done = subprocess.run(
            ["git", *words], cwd=self.path, env=environment, capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout.strip()

    @property
    def branches(self) -> set[str]:
        """All branches but main."""
        return set(self.git("branch", "--format=%(refname:short)").split()) - {"main"}

    @property
    def worktrees(self) -> set[str]:
        """The names of the folders that git knows as worktrees."""
        lines = self.git("worktree", "list", "--porcelain").splitlines()
        paths = [line.removeprefix("worktree ") for line in lines if line.startswith("worktree ")]
        return {Path(path).name for path in paths} - {self.path.name}

    @property
    def folders(self) -> set[str]:
        """What lies beside the repository and begins with its name."""
        return {one.name for one in self.path.parent.iterdir() if one.name.startswith(f"{self.path.name}-")}
