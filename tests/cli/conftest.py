"""A coordinator and a runner that all tests of the command line share, and the command line of their owner."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import CommandLine
from tests.support.coordinator import Coordinator
from tests.support.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield a world that nobody breaks."""
    with World(tmp_path_factory.mktemp("cli")) as made:
        yield made


@pytest.fixture(scope="session")
def coordinator(world: World) -> Coordinator:
    """Return a coordinator with a runner that offers the scripted executor."""
    made = world.coordinator()
    world.runner(made, slots=8)
    return made


@pytest.fixture(scope="session")
def callboard(world: World, coordinator: Coordinator) -> CommandLine:
    """Return the command line of the owner."""
    return world.command_line(coordinator)


@pytest.fixture
def nowhere(tmp_path: Path) -> CommandLine:
    """Return the command line of somebody who has no coordinator."""
    return CommandLine(tmp_path, {"HOME": str(tmp_path), "CALLBOARD_URL": "http://127.0.0.1:1"})
