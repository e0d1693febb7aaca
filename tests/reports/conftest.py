"""What the tests of this room ask for."""

from tests.support.made_fixtures import run, table  # noqa: F401  # fixtures of pytest
