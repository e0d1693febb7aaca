"""Scenarios are found in files and folders by the names that they can be imported by, and each one once."""

import subprocess
import sys
from textwrap import dedent

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config
from tailguard.pipeline.opened_suite import open_suite
from tailguard.suite.discovery import discover
from tailguard.suite.fixture import given

SCENARIO = """
    from tailguard.suite.scenario import scenario

    @scenario
    def {name}(it): ...
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a suite file, forgotten by the interpreter afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    (tmp_path / "tailguard.toml").touch()
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path, text, **values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text.format(**values) if values else text))
    return path


def test_a_folder_gives_its_scenario_files_and_no_others(project):
    for name in ("browse", "buy"):
        write(project / "journeys" / f"{name}.py", SCENARIO, name=name)
    for name in ("_helper", "test_buy", "conftest", "locust_users"):
        write(project / "journeys" / f"{name}.py", "raise RuntimeError('not for us')")
    suite = discover(project, ["journeys"])
    assert sorted(suite.scenarios) == ["browse", "buy"]
    assert suite.scenarios["buy"].module == "journeys.buy"
    assert sys.path[0] == str(project)


def test_a_file_may_be_named_and_hold_several(project):
    write(
        project / "perf_shop.py",
        """
        from tailguard.suite.scenario import scenario

        @scenario
        def browse(it): ...

        @scenario
        def buy(it): ...

        again = buy
        """,
    )
    assert sorted(discover(project, ["perf_shop.py"]).scenarios) == ["browse", "buy"]


def test_only_what_was_written_in_a_file_counts_as_its_own(project):
    write(project / "journeys" / "buy.py", SCENARIO, name="buy")
    write(
        project / "journeys" / "more.py",
        "from journeys.buy import buy\n" + dedent(SCENARIO.format(name="sell")),
    )
    assert sorted(discover(project, ["journeys"]).scenarios) == ["buy", "sell"]


def test_a_files_own_fixture_beats_a_shared_one_and_that_a_built_in(project):
    write(
        project / "shared" / "fixtures.py",
        """
        from tailguard.suite.fixture import fixture

        @fixture
        def shop(): return "shared"

        @fixture
        def target(): return "shared"
        """,
    )
    write(
        project / "journeys" / "buy.py",
        """
        from tailguard.suite.fixture import fixture
        from tailguard.suite.scenario import scenario

        @fixture
        def shop(): return "own"

        @scenario
        def buy(it, shop): ...
        """,
    )
    suite = discover(project, ["journeys"], ["shared.fixtures"])
    built_ins = {name: given(name, "built in") for name in ("shop", "target", "run")}
    table = suite.table(suite.scenarios["buy"], built_ins)
    assert {name: table[name].make() for name in table} == {
        "shop": "own",
        "target": "shared",
        "run": "built in",
    }


def test_a_scenario_that_is_there_twice_is_named_with_both_places(project):
    for name in ("one", "two"):
        write(project / "journeys" / f"{name}.py", SCENARIO, name="buy")
    with pytest.raises(UsageError, match=r"'buy' is defined twice: .*one\.py, line 4 and .*two\.py, line 4"):
        discover(project, ["journeys"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import no_such_thing",
            r"broken\.py, line 1: .* ModuleNotFoundError: No module named 'no_such_thing'",
        ),
        ("x = 1\ndef f(:\n", r"broken\.py, line 2: .* SyntaxError"),
        ("x = 1\n\nraise SystemExit(3)", r"broken\.py, line 3: .* SystemExit: 3"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named_with_its_line(project, text, message):
    (project / "broken.py").write_text(text)
    with pytest.raises(UsageError, match=message) as raised:
        discover(project, ["broken.py"])
    assert raised.value.exit_code == 64


def test_shared_fixtures_that_cannot_be_imported_are_named(project):
    write(project / "buy.py", SCENARIO, name="buy")
    with pytest.raises(UsageError, match=r"no\.such cannot be imported: ModuleNotFoundError"):
        discover(project, ["buy.py"], ["no.such"])


def test_a_file_whose_name_another_module_has_is_refused(project):
    write(project / "json.py", SCENARIO, name="buy")
    with pytest.raises(UsageError, match=r"json\.py cannot be imported as json: that is .*Rename the file"):
        discover(project, ["json.py"])


def test_a_file_that_has_no_dotted_name_is_refused(project):
    write(project / "load-tests" / "buy.py", SCENARIO, name="buy")
    with pytest.raises(UsageError, match="must be named with letters"):
        discover(project, ["load-tests"])


def test_a_path_that_is_not_there_and_a_folder_without_scenarios_are_named(project):
    with pytest.raises(UsageError, match="nowhere is neither a file nor a folder"):
        discover(project, ["nowhere"])
    write(project / "empty" / "notes.py", "")
    with pytest.raises(UsageError, match=r"There is no scenario in .*empty"):
        discover(project, ["empty"])


def test_scenarios_are_chosen_by_name_in_the_order_named(project):
    for name in ("browse", "buy"):
        write(project / "journeys" / f"{name}.py", SCENARIO, name=name)
    suite = discover(project, ["journeys"])
    assert [each.name for each in suite.choose(["buy", "browse"])] == ["buy", "browse"]
    for names, message in (
        (["brows"], r"no scenario 'brows'\. Did you mean 'browse'"),
        (["buy", "buy"], "named twice"),
        ([], r"No scenario is named\. Known: browse, buy"),
    ):
        with pytest.raises(UsageError, match=message):
            suite.choose(names)


@pytest.mark.system
def test_discovery_loads_neither_a_load_tool_nor_a_database_driver():
    code = "import sys, tailguard.suite.discovery, tailguard.suite.resolver; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"locust", "gevent", "pytest", "psycopg", "scipy", "pandas"} & set(loaded)


STATED = """
    from tailguard.suite.scenario import scenario

    @scenario(rate="50/s", users=3)
    def browse(it): ...

    @scenario
    def buy(it): ...
"""


def opened(project, *paths, **kw):
    return open_suite(
        load_config(suite=asked_suite([str(project / path) for path in paths]), environ={}, **kw)
    )


def test_the_load_that_a_scenario_states_is_its_own_unless_a_profile_or_a_flag_says_otherwise(project):
    write(project / "shop.py", STATED)
    config, _ = opened(project, "shop.py")
    assert config.scenarios == ["browse", "buy"]
    browse, buy = config.load_of("browse"), config.load_of("buy")
    assert (browse.schedule, browse.rate_per_s, browse.workers) == ("poisson", 50, 3)
    assert (buy.schedule, buy.workers) == ("closed", 1)
    assert config.settings["scenario.browse.rate_per_s"].source.endswith("shop.py, line 4")
    flagged, _ = opened(project, "shop.py", flags={"load.rate_per_s": 7.0})
    assert flagged.load_of("browse").rate_per_s == 7
    (project / "tailguard.toml").write_text("[scenario.browse]\nrate_per_s = 9.0", encoding="utf-8")
    assert opened(project, "shop.py")[0].load_of("browse").rate_per_s == 9


def test_one_scenario_of_a_file_may_be_asked_for(project):
    write(project / "shop.py", STATED)
    assert opened(project, "shop.py::buy")[0].scenarios == ["buy"]
    assert opened(project, ".")[0].scenarios == ["browse", "buy"]
    with pytest.raises(UsageError, match=r"shop.py has no scenario 'by'. Did you mean 'buy'\?"):
        opened(project, "shop.py::by")


def test_a_table_of_a_scenario_that_there_is_not_is_named_with_its_line(project):
    write(project / "shop.py", STATED)
    (project / "tailguard.toml").write_text("\n[scenario.bowse]\nworkers = 9", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"tailguard.toml, line 3: there is no scenario 'bowse'. Did you mean 'browse'"
    ):
        opened(project, "shop.py")
