"""Many spawns at once, and kill -9 in the middle of one: issues are worked on once, and nothing is left of losers."""

import itertools
import json
import random
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conftest import FaultRound
from tests.faults.at_once import at_once
from tests.faults.two import two_coordinators
from tests.support.coordinator import QUICK, Coordinator, until
from tests.support.database import on_both_databases, query
from tests.support.repository import Repository
from tests.support.world import World

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

SPAWNS: Final = 20
ISSUES: Final = 12
NOBODY: Final = "codex"
"""An executor that no runner here offers: what is spawned is not run."""
CONFLICT: Final = 8
SETTLED_SECONDS: Final = 30.0


def a_shop(world: World, coordinator: Coordinator) -> Repository:
    """A project in a real repository with its issues."""
    repository = Repository(world.project)
    callboard = world.command_line(coordinator)
    assert callboard("project", "add").code == 0
    (project,) = coordinator.http.get("/projects").json()["items"]
    for number in range(1, ISSUES + 1):
        body = {"title": f"Issue {number}"}
        answer = coordinator.http.post(f"/projects/{project['project_id']}/issues", json=body)
        assert answer.json()["number"] == number
    return repository


def test_a51_twenty_spawns_through_two_coordinators(tmp_path: Path, fault_round: FaultRound) -> None:
    """A51: on one PostgreSQL, every other spawn through the other coordinator."""
    with two_coordinators(tmp_path, **QUICK) as two:
        spawn_at_once(two.world, two.both, fault_round)


def test_a51_twenty_spawns_through_one_coordinator_with_sqlite(tmp_path: Path, fault_round: FaultRound) -> None:
    """A51: where one writer does all."""
    with World(tmp_path) as world:
        spawn_at_once(world, [world.coordinator(**QUICK)], fault_round)


def spawn_at_once(world: World, coordinators: Sequence[Coordinator], fault_round: FaultRound) -> None:
    """Winners are pairwise disjoint, every loser overlaps a winner, and of losers there is no row, branch or folder."""
    source = fault_round.source()
    repository = a_shop(world, coordinators[0])
    for one in coordinators:
        world.runner(one, name=f"beside {one.url}")
    lines = [world.command_line(one).environment for one in coordinators]
    wanted = [source.sample(range(1, ISSUES + 1), source.randint(1, 4)) for _ in range(SPAWNS)]
    words = [["spawn", *map(str, issues), "--executor", NOBODY, "--json"] for issues in wanted]
    ended = at_once(world.folder / "at-once", world.project, list(zip(itertools.cycle(lines), words, strict=False)))
    told = [(issues, one.code, one.out + one.err) for issues, one in zip(wanted, ended, strict=True)]
    assert {code for _, code, _ in told} <= {0, CONFLICT}, told

    won = [(issues, json.loads(out)) for issues, code, out in told if code == 0]
    taken = [number for issues, _ in won for number in issues]
    assert len(taken) == len(set(taken)), won
    for issues, code, out in told:
        if code == CONFLICT:
            assert set(issues) & set(taken), (issues, taken)
            named = json.loads(out)["errors"]
            assert {one["issue"] for one in named} <= set(issues) & set(taken)
    rows = query(coordinators[0], "SELECT number, session_id FROM active_issues")
    assert {tuple(row) for row in rows} == {(n, made["session_id"]) for issues, made in won for n in issues}
    for table in ("sessions", "work_sessions", "runs", "jobs"):
        assert query(coordinators[0], f"SELECT count(*) FROM {table}")[0][0] == len(won), table  # noqa: S608
    branches = {made["branch"] for _, made in won}
    folders = {f"{repository.path.name}-{branch}" for branch in branches}
    assert (repository.branches, repository.worktrees, repository.folders) == (branches, folders, folders)


@on_both_databases
def test_issue_5_kill_9_in_the_middle_of_a_spawn_leaves_it_whole_or_not_at_all(
    world: World, fault_round: FaultRound
) -> None:
    """Issue 5: the command line, the runner or the coordinator dies; then the same issues are spawned once more."""
    source = fault_round.source()
    coordinator = world.coordinator(**QUICK, prepare_seconds=4)
    repository = a_shop(world, coordinator)
    runner = world.runner(coordinator)
    callboard = world.command_line(coordinator)
    for number, victim in enumerate(source.sample(["cli", "runner", "coordinator"], 3), start=1):
        with (world.folder / "out").open("wb") as out:
            words = ("spawn", str(number), str(number + 6), "--executor", NOBODY)
            spawning = callboard.start(*words, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        _kill(source, victim, {"runner": runner, "coordinator": coordinator}, spawning)
        code = spawning.wait(SETTLED_SECONDS)
        until(lambda: _settled(coordinator), SETTLED_SECONDS, f"settled after the death of {victim}")
        _whole(coordinator, repository)
        done = callboard("spawn", str(number + 6), str(number), "--executor", NOBODY)
        assert done.code in (0, CONFLICT), (victim, code, done.err)
        if code == 0:
            assert done.code == CONFLICT, (victim, done.out)
        assert _holder(coordinator, number) == _holder(coordinator, number + 6)
        assert _holder(coordinator, number) is not None
        _whole(coordinator, repository)


def _kill(source: random.Random, victim: str, parts: dict[str, Any], spawning: "subprocess.Popen[bytes]") -> None:
    """At a moment that the seed chooses: a command takes a third of a second until it asks."""
    with suppress(subprocess.TimeoutExpired):
        spawning.wait(source.uniform(0.2, 0.7))
    if victim == "cli":
        spawning.send_signal(signal.SIGKILL)
        return
    parts[victim].kill()
    parts[victim].restart()


def _settled(coordinator: Coordinator) -> bool:
    """Whether nothing is being made or removed any more."""
    return bool(query(coordinator, "SELECT count(*) FROM jobs WHERE ended_at IS NULL") == [(0,)])


def _whole(coordinator: Coordinator, repository: Repository) -> None:
    """Every prepared session has branch and worktree, and there are no others; issues are held by those alone."""
    states = {row[0] for row in query(coordinator, "SELECT state FROM work_sessions")}
    assert states <= {"prepared", "undone"}, states
    branches = {row[0] for row in query(coordinator, "SELECT branch FROM work_sessions WHERE state = 'prepared'")}
    folders = {f"{repository.path.name}-{branch}" for branch in branches}
    assert (repository.branches, repository.worktrees, repository.folders) == (branches, folders, folders)
    held = {row[0] for row in query(coordinator, "SELECT session_id FROM active_issues")}
    prepared = {row[0] for row in query(coordinator, "SELECT session_id FROM work_sessions WHERE state = 'prepared'")}
    assert held == prepared


def _holder(coordinator: Coordinator, number: int) -> str | None:
    found = query(coordinator, f"SELECT session_id FROM active_issues WHERE number = {number}")  # noqa: S608
    return found[0][0] if found else None
