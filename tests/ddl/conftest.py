"""A server with the tables of world.sql, and worlds that each test uses up."""

from collections.abc import Iterator

import pytest

from tailguard.ddl.world import World
from tests.ddl.matrix import seeded


@pytest.fixture(scope="module")
def seeded_world() -> Iterator[World]:
    with seeded(None) as world:
        yield world


@pytest.fixture
def world(seeded_world: World) -> Iterator[World]:
    with seeded_world.fork() as own:
        yield own
