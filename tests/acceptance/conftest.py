"""The worlds of the acceptance tests: one of their own for those that break things, one shared by all others."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command import CommandLine
from tests.support.coordinator import Coordinator
from tests.support.database import KINDS
from tests.support.runner import Runner
from tests.support.world import World


@dataclass(frozen=True)
class Stage:
    """A coordinator with one runner that offers the scripted executor; nobody kills or changes them."""

    world: World
    coordinator: Coordinator
    runner: Runner
    callboard: CommandLine


@pytest.fixture(scope="session", params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Every test runs once on each database, unless it says why not."""
    kind: str = request.param
    return kind


@pytest.fixture
def world(tmp_path: Path, database_kind: str) -> Iterator[World]:
    """Yield an empty world of the test's own."""
    with World(tmp_path, database_kind) as made:
        yield made


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, database_kind: str) -> Iterator[Stage]:
    """Yield the coordinator and the runner that all harmless tests of this process share."""
    with World(tmp_path_factory.mktemp("stage"), database_kind) as made:
        coordinator = made.coordinator()
        runner = made.runner(coordinator, slots=8)
        yield Stage(made, coordinator, runner, made.command_line(coordinator))


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory, database_kind: str) -> Iterator[World]:
    """Yield a world for the tests of one module, which put into it what they share."""
    with World(tmp_path_factory.mktemp("lone"), database_kind) as made:
        yield made
