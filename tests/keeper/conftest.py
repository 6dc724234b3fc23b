"""Fixtures that start real keepers."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.keeper.kept import Keepers


@pytest.fixture
async def keepers(tmp_path: Path) -> AsyncIterator[Keepers]:
    """Start launches under keepers; end them and all they left behind."""
    made = Keepers(tmp_path, uuid.uuid4().hex)
    yield made
    await made.close()
