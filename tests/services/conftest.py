"""Fixtures of the services' tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.world import World, open_world
from tests.support.database import FAST_ON_SQLITE


@pytest.fixture(params=FAST_ON_SQLITE)
def kind(request: pytest.FixtureRequest) -> str:
    """Return each kind of database; `make check` takes the first alone."""
    return str(request.param)


@pytest.fixture
async def world(tmp_path: Path, kind: str) -> AsyncIterator[World]:
    """A coordinator without HTTP."""
    async with open_world(tmp_path, kind) as opened:
        yield opened
