"""Two coordinators over one PostgreSQL, each with tokens of its own, in a world that ends with the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.coordinator import Coordinator
from tests.support.world import World


class Two(NamedTuple):
    """The world, and the coordinators in it."""

    world: World
    first: Coordinator
    second: Coordinator

    @property
    def both(self) -> tuple[Coordinator, Coordinator]:
        return self.first, self.second


@contextmanager
def two_coordinators(folder: Path, **settings: Any) -> Iterator[Two]:
    """Both, listening, with the same settings."""
    with World(folder, "postgresql") as world:
        shared = world.with_database(settings)
        yield Two(world, world.coordinator(**shared), world.coordinator(**shared))
