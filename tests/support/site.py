"""A project on a host of its own with a real repository, and a git that fails when a test wants it to."""

import os
import shutil
from pathlib import Path
from typing import Any, Final

from tests.support.coordinator import Coordinator, until
from tests.support.database import query
from tests.support.repository import Repository
from tests.support.work import Workshop
from tests.support.world import World

NOBODY: Final = "codex"
"""An executor that no runner of these tests offers: what is spawned is not run."""
_GIT: Final = """#!/bin/sh
count=$(($(cat {folder}/count) + 1))
echo $count > {folder}/count
if [ $count -eq $(cat {folder}/at) ]; then echo 'no such luck' >&2; exit 128; fi
exec {git} "$@"
"""

Left = tuple[set[str], set[str], set[str]]


class Site(Workshop):
    """The project; its issues are 1 and 2 unless a tracker elsewhere has them."""

    def __init__(self, world: World, coordinator: Coordinator, host: str, **project: Any) -> None:
        self.repository = Repository(world.project / host / "web")
        super().__init__(coordinator, host, str(self.repository.path), hostname=host, **project)
        if "tracker" not in project:
            self.issues(2)

    @property
    def left(self) -> Left:
        """Branches, worktrees and folders besides those of the person."""
        return self.repository.branches, self.repository.worktrees, self.repository.folders

    def prepared(self, *issues: int, **fields: Any) -> dict[str, Any]:
        """A spawn whose worktree is there: ids, and the answer of its job."""
        spawned = self.spawned(*issues, **fields)
        job = self.job(spawned["job_id"])
        assert job["status"] == "done", job
        return {**spawned, **job["answer"]}

    def refused(self, *issues: int, **fields: Any) -> dict[str, Any]:
        """The error of a spawn that fails, after which nothing of it is left."""
        spawned = self.spawned(*issues, executor_type=NOBODY, **fields)
        error = self.job(spawned["job_id"])["error"]
        assert error is not None, f"{issues} were prepared"
        self.assert_nothing_left(spawned["session_id"])
        return dict(error)

    def assert_nothing_left(self, session_id: str) -> None:
        """As soon as its job has failed: neither branch nor folder nor reservation; then the session is undone."""
        assert self.left == (set(), set(), set())
        held = f"SELECT number FROM active_issues WHERE project_id = '{self.project_id}'"  # noqa: S608
        assert query(self.coordinator, held) == []
        assert self.session(session_id)["lifecycle"] == "cancelled"
        until(lambda: self.session(session_id)["work"]["state"] == "undone", 20, "undone")


class FailingGit:
    """A program `git` that fails at its n-th call from now on, once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self.fail_at(0)
        program = folder / "git"
        program.write_text(_GIT.format(folder=folder, git=shutil.which("git")), encoding="ascii")
        program.chmod(0o755)
        self.within = ("env", f"PATH={folder}:{os.environ['PATH']}")
        """How to start a runner that finds it."""

    def fail_at(self, call: int) -> None:
        """At which call from now on; 0: at none."""
        (self._folder / "at").write_text(f"{call}\n", encoding="ascii")
        (self._folder / "count").write_text("0\n", encoding="ascii")

    @property
    def calls(self) -> int:
        """How often it was called since."""
        return int((self._folder / "count").read_text(encoding="ascii"))
