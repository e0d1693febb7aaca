"""What the tests of Locust ask for: one served platform a file, and processes of its own for each test."""

import pytest

from tests.support.locust_runs import processes, served_platform


@pytest.fixture(scope="module")
def served():
    """`tailguard serve`: its address, and the environment with its secret."""
    with served_platform() as platform:
        yield platform


@pytest.fixture
def locust(served, tmp_path):
    """Whatever starts Locust's processes against that platform."""
    with processes(tmp_path, *served) as starter:
        yield starter
