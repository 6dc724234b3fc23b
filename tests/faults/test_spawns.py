"""Many spawns at once, and kill -9 in the middle of one: issues are worked on once, and nothing is left of losers."""

import itertools
import json
import random
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

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


def a_shop(world: World, coordinator: Coordinator, name: str = "") -> tuple[Repository, str]:
    """A project in a real repository with its issues, and its id; in the world's own directory unless it has a name."""
    repository = Repository(world.project / name)
    place = {"hostname": socket.gethostname(), "path": str(repository.path), "default_branch": "main"}
    added = coordinator.http.post("/projects", json={"name": name or "web"} | place)
    project_id = added.json()["project_id"]
    for number in range(1, ISSUES + 1):
        answer = coordinator.http.post(f"/projects/{project_id}/issues", json={"title": f"Issue {number}"})
        assert answer.json()["number"] == number
    return repository, project_id


class Contest(NamedTuple):
    """A world in which all rounds play, each with a project of its own; what starts a world is not what is shown."""

    world: World
    coordinators: Sequence[Coordinator]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    """Yield two coordinators on one PostgreSQL, each with a runner."""
    with two_coordinators(tmp_path_factory.mktemp("two"), **QUICK) as made:
        yield a_contest(made.world, made.both)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    """Yield one coordinator with SQLite and a runner."""
    with World(tmp_path_factory.mktemp("one")) as world:
        yield a_contest(world, [world.coordinator(**QUICK)])


def a_contest(world: World, coordinators: Sequence[Coordinator]) -> Contest:
    for number, each in enumerate(coordinators):
        world.runner(each, name=f"number{number}")
    return Contest(world, coordinators)


@pytest.mark.rounds(5)
def test_a51_twenty_spawns_through_two_coordinators(two: Contest, fault_round: FaultRound) -> None:
    """A51: on one PostgreSQL, every other spawn through the other coordinator."""
    spawn_at_once(two, fault_round)


@pytest.mark.rounds(5)
def test_a51_twenty_spawns_through_one_coordinator_with_sqlite(one: Contest, fault_round: FaultRound) -> None:
    """A51: where one writer does all."""
    spawn_at_once(one, fault_round)


def spawn_at_once(contest: Contest, fault_round: FaultRound) -> None:
    """Winners are pairwise disjoint, every loser overlaps a winner, and of losers there is no row, branch or folder."""
    source, (world, coordinators) = fault_round.source(), contest
    name = f"round{fault_round.number}"
    repository, project_id = a_shop(world, coordinators[0], name)
    lines = [world.command_line(each).environment for each in coordinators]
    wanted = [source.sample(range(1, ISSUES + 1), source.randint(1, 4)) for _ in range(SPAWNS)]
    words = [["spawn", *map(str, issues), "--executor", NOBODY, "--json"] for issues in wanted]
    folder = world.folder / f"at-once-{name}"
    ended = at_once(folder, repository.path, list(zip(itertools.cycle(lines), words, strict=False)))
    told = [(issues, each.code, each.out + each.err) for issues, each in zip(wanted, ended, strict=True)]
    assert {code for _, code, _ in told} <= {0, CONFLICT}, told

    won = [(issues, json.loads(out)) for issues, code, out in told if code == 0]
    taken = {number for issues, _ in won for number in issues}
    assert len(taken) == sum(len(issues) for issues, _ in won), won
    for issues, code, out in told:
        if code == CONFLICT:
            assert set(issues) & taken, (issues, taken)
            assert {each["issue"] for each in json.loads(out)["errors"]} <= set(issues) & taken
    rows = query(coordinators[0], f"SELECT number, session_id FROM active_issues WHERE project_id = '{project_id}'")  # noqa: S608
    assert {tuple(row) for row in rows} == {(n, made["session_id"]) for issues, made in won for n in issues}
    assert_no_rows_of_losers(coordinators[0], project_id, len(won))
    branches = {made["branch"] for _, made in won}
    folders = {f"{repository.path.name}-{branch}" for branch in branches}
    assert (repository.branches, repository.worktrees, repository.folders) == (branches, folders, folders)
    for _, made in won:
        address = f"/sessions/{made['session_id']}/lifecycle"
        assert coordinators[0].http.post(address, json={"action": "cancel"}).status_code == 200


def assert_no_rows_of_losers(coordinator: Coordinator, project_id: str, winners: int) -> None:
    """As many rows as sessions that won, in every table that a spawn writes."""
    for table in ("sessions", "work_sessions", "jobs"):
        count = f"SELECT count(*) FROM {table} WHERE project_id = '{project_id}'"  # noqa: S608
        assert query(coordinator, count) == [(winners,)], table
    of_project = f"session_id IN (SELECT session_id FROM sessions WHERE project_id = '{project_id}')"  # noqa: S608
    assert query(coordinator, f"SELECT count(*) FROM runs WHERE {of_project}") == [(winners,)]  # noqa: S608


@on_both_databases
def test_issue_5_kill_9_in_the_middle_of_a_spawn_leaves_it_whole_or_not_at_all(
    world: World, fault_round: FaultRound
) -> None:
    """Issue 5: the command line, the runner or the coordinator dies; then the same issues are spawned once more."""
    source = fault_round.source()
    coordinator = world.coordinator(**QUICK, prepare_seconds=4)
    repository, _ = a_shop(world, coordinator)
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
    """Every prepared session has branch and worktree, and there are no others; issues are held by those alone.

    A request may still be on its way although whoever made it is dead: so that it is looked at until it holds.
    """
    until(lambda: _is_whole(coordinator, repository), SETTLED_SECONDS, "whole, or not at all")


def _is_whole(coordinator: Coordinator, repository: Repository) -> bool:
    states = {row[0] for row in query(coordinator, "SELECT state FROM work_sessions")}
    branches = {row[0] for row in query(coordinator, "SELECT branch FROM work_sessions WHERE state = 'prepared'")}
    folders = {f"{repository.path.name}-{branch}" for branch in branches}
    held = {row[0] for row in query(coordinator, "SELECT session_id FROM active_issues")}
    prepared = {row[0] for row in query(coordinator, "SELECT session_id FROM work_sessions WHERE state = 'prepared'")}
    there = (repository.branches, repository.worktrees, repository.folders)
    return states <= {"prepared", "undone"} and there == (branches, folders, folders) and held == prepared


def _holder(coordinator: Coordinator, number: int) -> str | None:
    found = query(coordinator, f"SELECT session_id FROM active_issues WHERE number = {number}")  # noqa: S608
    return found[0][0] if found else None
