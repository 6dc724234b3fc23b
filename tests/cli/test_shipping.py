"""From an issue on GitHub to its pull request, and what becomes of the worktree: the command line, real git."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.github import TOKEN, GitHub
from tests.support.repository import Repository
from tests.support.work import Workshop
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


@pytest.mark.timeout(180)
def test_a_session_ships_and_is_deleted_only_when_nothing_is_lost(world: World, github: GitHub) -> None:
    repository = Repository(world.project)
    repository.git("push", "--quiet", str(github.bare), "main")
    repository.git("remote", "add", "origin", github.remote)
    github.issue(42, "Prices are wrong", "<!-- say nothing --> They are too high.")
    token = world.folder / "github-token"
    token.write_text(TOKEN)
    coordinator = world.coordinator()
    access = f'[runner]\ngithub_token_file = "{token}"\ngithub_api_url = "{github.api_url}"\n'
    world.runner(coordinator, executors=("worker",), tables=access + WORKER)
    place = {"hostname": socket.gethostname(), "remote_url": github.remote, "tracker": "github"}
    shop = Workshop(coordinator, "shop", str(world.project), **place)
    callboard = world.command_line(coordinator)

    def said(*words: str, code: int = 0) -> Any:
        done = callboard(*words, "--json")
        assert done.code == code, (done.code, done.out, done.err)
        return done.value if code == 0 else json.loads(done.err)

    unknown = shop.job(shop.spawned(42, 7, executor_type="worker")["job_id"])
    assert unknown["error"]["message"] == "The tracker has no issue 7."
    spawned = shop.spawned(42, executor_type="worker")
    made = shop.job(spawned["job_id"])["answer"]
    assert made["issues"][0]["title"] == "Prices are wrong"
    coordinator.ended(spawned["run_id"])
    assert "made.txt" in said("ship", "42", code=8)["detail"]
    commit(made["path"])
    url = said("ship", "42", "--draft")["pull_request_url"]
    assert (github.pulls[0]["html_url"], github.pulls[0]["body"]) == (url, "Closes #42")
    assert shop.session(spawned["session_id"])["work"]["pull_request_url"] == url
    (Path(made["path"]) / "notes").write_text("mine")
    (listed,) = said("worktrees", "--all")["items"]
    assert (listed["uncommitted"], listed["unpushed"], listed["handle"]) == (1, 0, "42")
    refused = said("delete", "42", code=8)
    assert "notes" in refused["detail"]
    deleted = said("delete", "42", "--confirm", refused["hint"].rpartition(" ")[2])
    assert (deleted["lifecycle"], Path(made["path"]).exists()) == ("deleted", False)
    assert repository.branches == set()
    github.down = True
    away = shop.job(shop.spawned(42, executor_type="worker")["job_id"])
    assert away["error"]["code"] == "tracker_unavailable"
