"""Fixtures of the services' tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.world import World, open_world
from tests.support.database import KINDS


@pytest.fixture(params=[KINDS[0], *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[1:])])
def kind(request: pytest.FixtureRequest) -> str:
    """Return each kind of database; `make check` takes the first alone."""
    return str(request.param)


@pytest.fixture
async def world(tmp_path: Path, kind: str) -> AsyncIterator[World]:
    """A coordinator without HTTP."""
    async with open_world(tmp_path, kind) as opened:
        yield opened
