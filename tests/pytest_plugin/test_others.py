"""A project's own marker, fixture and options of our names stay its own; and our plugin stays light."""

import json
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]


@pytest.mark.system
def test_the_plugin_alone_loads_nothing_but_pytest():
    code = "import pytest, sys; before = set(sys.modules); import tailguard.pytest_plugin; "
    code += "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    ours = {name for name in loaded if name.startswith("tailguard")}
    assert ours == {"tailguard", "tailguard.pytest_plugin", "tailguard.pytest_plugin.locusts_host"}
    assert not {"numpy", "msgspec", "psutil", "click", "asyncio"} & set(loaded)


@pytest.mark.system
def test_a_run_of_tests_that_ask_nothing_loads_nothing_of_ours(project):
    done = project.test_apart(
        tests="""
        import sys

        @pytest.mark.parametrize("size", [1, 2])
        def test_light(size):
            assert "numpy" not in sys.modules
            assert not [name for name in sys.modules if name.startswith(("tailguard.engine", "tailguard.record"))]
        """
    )
    assert done.ret == 0
    assert not (project.path / "runs").exists()


@pytest.mark.system
def test_a_projects_own_marker_and_fixture_are_left_alone(project):
    project.write(
        conftest="""
        import pytest

        @pytest.fixture
        def slo(request):
            return request.node.get_closest_marker("slo").args
        """
    )
    done = project.test(
        "--strict-markers",
        tests="""
        @pytest.mark.slo("p95 <= 50ms")
        def test_own_fixture(slo):
            assert slo == ("p95 <= 50ms",)

        @pytest.mark.slo("checkout", owner="shop")
        @pytest.mark.slo(0.999)
        @pytest.mark.slo
        def test_own_marker():
            pass

        @pytest.mark.tailguard_slo("p95 <= 500ms")
        @pytest.mark.slo("checkout", owner="shop")
        def test_ours(tailguard_slo):
            tailguard_slo(int)
        """,
    )
    done.assert_outcomes(passed=3)
    assert list(project.run.record.scenarios) == ["test_shop.py::test_ours"]


def test_a_projects_own_options_win_and_ours_have_a_second_name(project):
    project.write(
        conftest="""
        def pytest_addoption(parser):
            parser.addoption("--slo-profile", action="store_true")
            parser.getgroup("slo").addoption("--slo-run", default="mine")
        """
    )
    tests = """
        import tailguard.guards  # a file without the guards has nothing to say of a finished run

        def test_options(pytestconfig):
            assert pytestconfig.getoption("--slo-profile") is True
            assert pytestconfig.getoption("--slo-run") == "mine"
            assert pytestconfig.getoption("--tailguard-run") == "ours"
            assert pytestconfig.getoption("--slo-inconclusive") == "fail"
        """
    done = project.test("--slo-profile", "--tailguard-run=ours", "--slo-inconclusive=fail", tests=tests)
    done.assert_outcomes(passed=1)
