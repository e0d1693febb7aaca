"""Limits in the configuration: [scenario.NAME.slo] holds over what a scenario states, a later place over an earlier."""

import sys
from textwrap import dedent

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config
from tailguard.judge.objectives.configured import configured_objectives
from tailguard.pipeline.opened_suite import open_suite

SHOP = """
    import tailguard as tg

    @tg.scenario(rate="50/s", slo=["pay p95 <= 250ms", "pay p99 <= 900ms"])
    def buy(it):
        it.step("pay", int)

    @tg.scenario(rate="50/s", params={"size": [10, 1000]}, slo=["look p95 <= 250ms"])
    def browse(it, size):
        it.step("look", int)
"""


@pytest.fixture
def limits(tmp_path, monkeypatch):
    """The latencies and error rates of the shop's scenarios, under a configuration file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "perf_limits.py").write_text(dedent(SHOP), "utf-8")

    def judged(text, asked=(), profile="smoke", environ=None, sets=()):
        (tmp_path / "tailguard.toml").write_text(dedent(text), "utf-8")
        suite = asked_suite(["perf_limits.py"])
        config = load_config(profile, suite=suite, environ=environ or {}, sets=sets)
        config, found = open_suite(config)
        return [item.name for item in configured_objectives(config, found.steps, found.limits, asked).items]

    yield judged
    sys.modules.pop("perf_limits", None)


def of(scenario, names):
    return [name.removeprefix(f"{scenario} ") for name in names if name.startswith(f"{scenario} ")]


def test_a_table_of_the_file_holds_over_what_the_scenario_states_and_adds_to_it(limits):
    found = limits("""
        [scenario.buy.slo]
        "pay p99" = "<= 800ms"
        "pay p99.9" = "<= 2s"
        "error rate" = "< 0.5%"
    """)
    assert of("buy", found) == [
        "pay p95 <= 250ms", "pay p99 <= 800ms", "pay p99.9 <= 2s", "error rate < 0.5%"
    ]  # fmt: skip


def test_each_place_holds_over_those_before_it(limits):
    profile = """
        [profile.mine.scenario.buy.slo]
        "pay p95" = "<= 1ms"
        "pay p99" = "<= 1ms"
        "pay p50" = "<= 1ms"
    """
    table = (
        profile
        + """
        [scenario.buy.slo]
        "pay p99" = "<= 2ms"
        "pay p50" = "<= 2ms"
    """
    )
    variable = {"TAILGUARD_SCENARIO__BUY__SLO": "pay p50 <= 3ms, pay p90 <= 3ms"}

    def names(text, **kw):
        return of("buy", limits(text, profile="mine", **kw))[:-1]  # the last is the error rate

    assert names(profile) == ["pay p95 <= 1ms", "pay p99 <= 1ms", "pay p50 <= 1ms"]
    assert names(table) == ["pay p95 <= 1ms", "pay p99 <= 2ms", "pay p50 <= 2ms"]
    assert names(table, environ=variable)[2:] == ["pay p50 <= 3ms", "pay p90 <= 3ms"]
    assert "pay p50 <= 4ms" in names(table, environ=variable, sets=["scenario.buy.slo=pay p50 <= 4ms"])
    assert names(table, environ=variable, asked=["buy: pay p50 <= 5ms"])[2:] == [
        "pay p50 <= 5ms",
        "pay p90 <= 3ms",
    ]


def test_a_limit_of_a_case_is_written_with_its_values(limits):
    found = limits("""
        [scenario.browse.slo]
        "look p95" = "<= 300ms"
        "[size=1000]: look p95" = "<= 900ms"
    """)
    assert of("browse[size=10]", found)[0] == "look p95 <= 300ms"
    assert of("browse[size=1000]", found)[0] == "look p95 <= 900ms"
    asked = limits("", asked=["browse: look p99 <= 2s"])
    assert [name for name in asked if "p99 <= 2s" in name] == [
        "browse[size=10] look p99 <= 2s", "browse[size=1000] look p99 <= 2s"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[scenario.buy.slo]\n"pay p(99)" = "<= 1s"',
            "tailguard.toml, line 2: limit 'pay p(99) <= 1s' does not parse",
        ),
        (
            '[scenario.buy.slo]\n"pay p99" = 5',
            "tailguard.toml, line 2: scenario.buy.slo.pay p99 must be a text",
        ),
        ('[scenario.bye.slo]\np99 = "<= 5s"', "there is no scenario 'bye'. Did you mean 'buy'?"),
        (
            '[scenario.browse.slo]\n"[size=7]: look p95" = "<= 9ms"',
            "tailguard.toml, line 2: limit '[size=7]: look p95 <= 9ms' is of no case; known: [size=10], [size=1000]",
        ),
        (
            '[scenario.buy]\nslo = ["pay p95 <= 1ms", "pay  p95 <= 2ms"]',
            "states pay p95 <= 1ms, and pay p95 <= 2ms: leave one out",
        ),
    ],
)
def test_a_limit_that_cannot_be_is_named_with_its_line(limits, text, said):
    with pytest.raises(UsageError) as error:
        limits(text)
    assert said in str(error.value)


def test_the_configuration_shows_a_limit_and_keeps_it_whole(limits, tmp_path):
    limits('[scenario.buy.slo]\n"pay p99.9" = "<= 2s"')
    config = load_config("smoke", suite=asked_suite(["perf_limits.py"]), environ={})
    assert config.settings["scenario.buy.slo.pay p99.9"].value == "<= 2s"
    assert config.frozen()["scenario"]["buy"]["slo"] == {"pay p99.9": "<= 2s"}
