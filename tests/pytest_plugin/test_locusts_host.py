"""A project with Tailguard, and so with Locust's pytest plugin, may have an option `--host` of its own."""

import pytest

pytestmark = pytest.mark.system

pytest_plugins = ["pytester"]

TEST = """
    def test_host(pytestconfig):
        assert pytestconfig.getoption("--host") == "shop.example"
"""


@pytest.mark.parametrize("added", ["parser", 'parser.getgroup("shop")'])
def test_a_projects_own_host_is_the_projects(pytester, added):
    pytester.makeconftest(
        f'def pytest_addoption(parser):\n    {added}.addoption("--host", default="shop.example")\n'
    )
    pytester.makepyfile(TEST)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
    pytester.runpytest_subprocess("--host", "other.example").assert_outcomes(failed=1)


@pytest.mark.parametrize("word", ["--host=shop.example", "-Hshop.example"])
def test_without_one_locusts_own_is_there(pytester, word):
    pytester.makepyfile(TEST)
    pytester.runpytest_subprocess(word).assert_outcomes(passed=1)
