"""From an issue on GitHub to its pull request, and what becomes of the worktree: the command line, real git."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.coordinator import Coordinator
from tests.support.github import TOKEN, GitHub
from tests.support.repository import Repository
from tests.support.world import World

WORKER = """
[executors.worker]
type = "command"
argv = ["sh", "-c", "echo done > made.txt"]
"""


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    """Yield GitHub on this machine."""
    with GitHub(tmp_path / "github") as made:
        yield made


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Yield an empty world."""
    (tmp_path / "world").mkdir()
    with World(tmp_path / "world") as made:
        yield made


def commit(tree: str) -> None:
    """What a worker does at the end of its work."""
    who = ("-c", "user.name=Worker", "-c", "user.email=worker@localhost")
    for words in (("add", "."), (*who, "commit", "--quiet", "-m", "done")):
        subprocess.run(["git", *words], cwd=tree, check=True)


def test_a_session_ships_and_is_deleted_only_when_nothing_is_lost(world: World, github: GitHub) -> None:
    coordinator: Coordinator = world.coordinator()
    repository = Repository(world.project)
    repository.git("push", "--quiet", str(github.bare), "main")
    repository.git("remote", "add", "origin", github.remote)
    github.issue(42, "Prices are wrong", "<!-- say nothing --> They are too high.")
    token = world.folder / "github-token"
    token.write_text(TOKEN)
    access = f'[runner]\ngithub_token_file = "{token}"\ngithub_api_url = "{github.api_url}"\n'
    world.runner(coordinator, executors=("worker",), tables=access + WORKER)
    callboard = world.command_line(coordinator)

    def said(*words: str, code: int = 0) -> Any:
        done = callboard(*words, "--json")
        assert done.code == code, (done.code, done.out, done.err)
        return done.value if code == 0 else done.err

    said("project", "add", "--tracker", "github")
    assert "no issue 7" in said("spawn", "42", "7", "--executor", "worker", code=3)
    made = said("spawn", "42", "--executor", "worker")
    assert made["issues"] == [{"number": 42, "title": "Prices are wrong"}]
    coordinator.ended(made["run_id"])
    assert "made.txt" in said("ship", "42", code=8)
    assert "made.txt" in said("delete", "42", code=8)
    commit(made["path"])
    refused = said("delete", "42", code=8)
    assert "1 commit is only here" in refused
    url = said("ship", "42", "--draft")["pull_request_url"]
    assert (github.pulls[0]["html_url"], github.pulls[0]["body"]) == (url, "Closes #42")
    assert said("get", "42")["work"]["pull_request_url"] == url
    assert said("worktrees")["items"] == []
    (listed,) = said("worktrees", "--all")["items"]
    assert (listed["path"], listed["unpushed"], listed["handle"]) == (made["path"], 0, "42")
    deleted = said("delete", "42")
    assert (deleted["lifecycle"], Path(made["path"]).exists()) == ("deleted", False)
    assert repository.branches == set()

    again = said("spawn", "42", "--executor", "worker")
    said("cancel", "42")
    (left,) = said("worktrees")["items"]
    assert (left["lifecycle"], left["session_id"]) == ("cancelled", again["session_id"])
    github.down = True
    assert "503" in said("spawn", "42", "--executor", "worker", code=1)
