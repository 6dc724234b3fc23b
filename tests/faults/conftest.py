"""The worlds of the fault tests, and databases that they may break."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.own_server import OwnServer, own_server
from tests.support.world import World


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """SQLite, unless a test says `on_both_databases`: many break only a runner, or the way to it."""
    kind: str = getattr(request, "param", "sqlite")
    return kind


@pytest.fixture
def world(tmp_path: Path, database_kind: str) -> Iterator[World]:
    """Yield an empty world of real processes."""
    with World(tmp_path, database_kind) as made:
        yield made


@pytest.fixture
def server(short_directory: Path) -> Iterator[OwnServer]:
    """Yield a PostgreSQL that the test may break."""
    with own_server(short_directory) as made:
        yield made
