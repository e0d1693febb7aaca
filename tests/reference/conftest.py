"""A small platform on the session's server: tables and seed once a module, fresh numbers for each test."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from reference.database import create_tables
from reference.faults import Faults
from reference.platform import DeltaCrown
from reference.seed import Seeded, seed_platform
from tailguard.postgres.database import Database
from tests.support.crown_small import SECRET, SMALL


@pytest.fixture(scope="module")
def seeded(module_database: Database) -> Seeded:
    """The ranges of a small seed, in the module's schema."""
    create_tables(module_database.conninfo)
    return seed_platform(module_database.conninfo, size=SMALL)


@pytest.fixture
def crown(module_database: Database, seeded: Seeded) -> Iterator[DeltaCrown]:
    """The platform without faults, storage or listening hub."""
    platform = DeltaCrown(module_database.conninfo, secret=SECRET)
    yield platform
    platform.close()


@pytest.fixture
def faulty(module_database: Database, seeded: Seeded) -> Iterator[Callable[[str], DeltaCrown]]:
    """Make platforms with faults switched on."""
    made: list[DeltaCrown] = []

    def make(faults: str) -> DeltaCrown:
        made.append(DeltaCrown(module_database.conninfo, secret=SECRET, faults=Faults.parse(faults)))
        return made[-1]

    yield make
    for platform in made:
        platform.close()


@pytest.fixture(scope="module")
def fresh() -> Iterator[int]:
    """Numbers that no other test of the module used: which tournament, match or key to take."""
    return itertools.count()
