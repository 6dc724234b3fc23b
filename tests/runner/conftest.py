"""The world of the runner's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.runner.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Yield an empty world; nothing of it is left afterwards."""
    made = World(tmp_path)
    try:
        yield made
    finally:
        await made.close()
