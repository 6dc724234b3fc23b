"""An empty database of each kind, opened and closed around each test of the store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callboard.store.database import Database
from tests.store.harness import KINDS, Harness, make


@pytest.fixture(params=KINDS)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Harness:
    """Return an empty database of each kind, not opened."""
    return make(request.param, tmp_path)


@pytest.fixture
async def database(harness: Harness) -> AsyncIterator[Database]:
    """Yield an open database."""
    opened = await harness.open()
    yield opened
    await opened.close()
