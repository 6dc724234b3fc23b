"""Fixtures of the tests over HTTP."""

from collections.abc import Iterator

import pytest

from tests.http.world import Coordinator, serving
from tests.support.database import KINDS, settings_for


@pytest.fixture(scope="module", params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Whatever takes a coordinator or a database runs once on each."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory, database_kind: str) -> Iterator[Coordinator]:
    """One coordinator for the tests of a file; they leave it as they find it, or do not mind what others left."""
    with settings_for(database_kind) as database, serving(tmp_path_factory.mktemp("data"), **database) as running:
        yield running


@pytest.fixture
def database(database_kind: str) -> Iterator[dict[str, str]]:
    """What a coordinator of the test's own is told so that it has a new database."""
    with settings_for(database_kind) as settings:
        yield settings
