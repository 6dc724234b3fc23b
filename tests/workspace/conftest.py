"""A real repository, and git as a runner starts it."""

from pathlib import Path

import pytest

from tests.workspace.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a repository with one commit on `main`, and a runner's private folders beside it."""
    return Place(tmp_path)
