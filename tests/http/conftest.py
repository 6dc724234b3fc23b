"""Fixtures of the tests over HTTP."""

from collections.abc import Iterator

import pytest

from tests.http.world import Coordinator, serving


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    """One coordinator for the tests of a file; they leave it as they find it, or do not mind what others left."""
    with serving(tmp_path_factory.mktemp("data")) as running:
        yield running
