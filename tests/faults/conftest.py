"""The worlds of the fault tests, and the times in them: short enough to wait for, long enough for a busy machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Yield an empty world of real processes."""
    with World(tmp_path) as made:
        yield made
