"""Parameters make cases of one scenario: each has its values, its name and its limits."""

import sys
from textwrap import dedent

import pytest

import tailguard as tg
from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.config.suite_table import SuiteTable
from tailguard.engine.measure import measure
from tailguard.engine.schedule import Closed
from tailguard.engine.workload import Load, Workload
from tailguard.judge.objectives.configured import configured_objectives
from tailguard.pipeline.opened_suite import open_suite
from tailguard.suite.discovery import discover
from tailguard.suite.plan import plan_scenario
from tailguard.suite.resolver import Resolver

SHOP = """
    import tailguard as tg

    @tg.fixture(scope="run")
    def cart(size):
        return {"size": size}

    @tg.fixture(scope="user")
    def seen(size):
        return [size]

    @tg.scenario(
        users=2,
        params={"size": [10, 1000], "kind": ["new", "old"]},
        slo=["pay p95 <= 250ms", "[size=1000]: pay p95 <= 900ms", "[size=10,kind=old] pay p99 <= 1s"],
    )
    def checkout(it, cart, size, seen, kind):
        assert cart == {"size": size} and seen == [size]
        it.step("pay", int)

    @checkout.invariants
    def holds(size, kind, cart):
        yield tg.expect(f"{kind} {size}", size, cart["size"])

    @tg.scenario(slo=["look p95 <= 250ms"])
    def look(it):
        it.step("look", int)
"""
NAMES = [
    "checkout[size=10,kind=new]",
    "checkout[size=10,kind=old]",
    "checkout[size=1000,kind=new]",
    "checkout[size=1000,kind=old]",
]


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setitem(sys.modules, "perf_params", None)
    del sys.modules["perf_params"]
    (tmp_path / "perf_params.py").write_text(dedent(SHOP), encoding="utf-8")
    return tmp_path


@pytest.fixture
def suite(root):
    return discover(root, ["perf_params.py"])


def opened(root, **options):
    table = SuiteTable(root / "tailguard.toml", scenarios=("perf_params.py",))
    return open_suite(load_config(environ={}, suite=table, **options))


def test_each_combination_of_values_is_a_scenario_of_its_own(suite):
    assert list(suite.scenarios) == [*NAMES, "look"]
    assert suite.scenarios[NAMES[0]].title == "Checkout [size=10,kind=new]"


@pytest.mark.system
def test_the_journey_its_fixtures_and_its_invariants_get_the_values_of_the_case(suite):
    plans = [plan_scenario(suite.scenarios[name], suite.table(suite.scenarios[name], {})) for name in NAMES]
    with Resolver() as resolver:
        bound = [resolver.bind(plan) for plan in plans]
        load = Load(Closed(2, 10), max_samples=5)
        measured = measure([Workload(each, load) for each in bound])
        assert [set(found.samples.outcome.tolist()) for found in measured.values()] == [{0}] * 4
        checked = [each.check(measured[each.name].samples, 10.0) for each in bound]
    assert [(found.name, found.held) for [found] in checked] == [
        ("new 10", True),
        ("old 10", True),
        ("new 1000", True),
        ("old 1000", True),
    ]


def test_what_other_processes_get_is_kept_apart_by_the_values(suite):
    plans = [plan_scenario(suite.scenarios[name], suite.table(suite.scenarios[name], {})) for name in NAMES]
    with Resolver() as first:
        values = first.export(plans)
    assert sorted(map(str, values.values())) == ["{'size': 1000}", "{'size': 10}"]
    with Resolver(values) as other:
        bound = other.bind(plans[2])
        assert {"size": 1000} in bound.shared


def test_a_limit_of_some_cases_stands_in_place_of_the_one_of_all(root):
    config, suite = opened(root)
    items = configured_objectives(config, suite.steps, suite.limits).items
    assert [item.name for item in items if item.metric == "latency"] == [
        f"{NAMES[0]} pay p95 <= 250ms",
        f"{NAMES[1]} pay p95 <= 250ms",
        f"{NAMES[1]} pay p99 <= 1s",
        f"{NAMES[2]} pay p95 <= 900ms",
        f"{NAMES[3]} pay p95 <= 900ms",
        "look look p95 <= 250ms",
    ]
    assert sum(item.metric == "error_rate" for item in items) == 5


def test_the_scenarios_name_means_all_its_cases(root, suite):
    assert opened(root, flags={"scenarios": ["checkout"]})[0].scenarios == NAMES
    assert opened(root, flags={"scenarios": [NAMES[1]]})[0].scenarios == [NAMES[1]]
    assert opened(root, sets=[f"scenarios={NAMES[1]},look"])[0].scenarios == [NAMES[1], "look"]
    assert suite.asked("perf_params.py::checkout") == NAMES
    assert suite.asked(f"perf_params.py::{NAMES[3]}") == [NAMES[3]]
    assert [each.name for each in suite.choose(["look", "checkout"])] == ["look", *NAMES]
    with pytest.raises(UsageError, match="is named twice"):
        suite.choose(["checkout", NAMES[0]])


def test_all_cases_share_the_load_of_their_scenario(root):
    config, _ = opened(root, sets=["scenario.checkout.max_samples=7000"])
    for name in NAMES:
        load = config.load_of(name)
        assert (load.schedule, load.workers, load.max_samples) == ("closed", 2, 7000)


@pytest.mark.parametrize(
    ("params", "slo", "why"),
    [
        ({"sise": [1]}, [], "'sise' is not an argument; it takes size"),
        ({"size": []}, [], r"size is \[\]: give a list of values"),
        ({"size": "big"}, [], "size is 'big': give a list of values"),
        ({"size": ["a b"]}, [], "has 'a b': a value is a number, or a word"),
        ({"size": [1, "1"]}, [], "twice"),
        ({"size": [1, 2]}, ["[size=3]: pay p95 <= 1s"], r"is of no case; known: \[size=1\], \[size=2\]"),
        (
            {"size": [1, 2]},
            ["pay p95 <= 1s", "pay p95 <= 2s"],
            "'pay p95 <= 2s' and .*'pay p95 <= 1s': leave one out",
        ),
        (None, ["[size=3]: pay p95 <= 1s"], "is of no case; known: no params are stated"),
    ],
)
def test_what_cannot_be_is_named_with_file_and_line(params, slo, why):
    with pytest.raises(UsageError, match=rf"test_params\.py, line \d+: scenario 'checkout': .*{why}"):

        @tg.scenario(params=params, slo=slo)
        def checkout(it, size): ...
