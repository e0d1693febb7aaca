"""A mix states which scenarios are played at once, and what share of its load each one has."""

import sys
from dataclasses import replace
from textwrap import dedent

import pytest

import tailguard as tg
from tailguard.base.errors import UsageError
from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config
from tailguard.pipeline.opened_suite import open_suite
from tailguard.suite.discovery import discover

SHOP = """
    import tailguard as tg

    @tg.scenario(slo=["look p95 <= 250ms"])
    def browse(it):
        it.step("look", int)

    @tg.scenario(users=3, params={"size": [1, 2]})
    def buy(it, size):
        it.step("pay", int)

    @tg.scenario
    async def chat(it): ...

    @tg.scenario(rate="5/s")
    def alone(it): ...

    day = tg.mix({browse: 70, buy: 20, chat: 10}, rate="100/s")
"""


@pytest.fixture
def opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def open_(*asked, text=SHOP, named=True, **kw):
        (tmp_path / "perf_mixed.py").write_text(dedent(text), "utf-8")
        sys.modules.pop("perf_mixed", None)
        suite = asked_suite(asked)
        suite = suite if named else replace(suite, asked=())
        return open_suite(load_config("smoke", suite=suite, environ={}, **kw))[0]

    yield open_
    sys.modules.pop("perf_mixed", None)


def loads(config, *names):
    found = (config.load_of(name) for name in names)
    return [(each.schedule, round(each.rate_per_s, 6), each.workers) for each in found]


def test_each_scenario_has_its_share_of_the_rate_and_its_own_users(opened):
    config = opened("perf_mixed.py::day")
    assert config.mix == "day"
    assert config.scenarios == ["browse", "buy[size=1]", "buy[size=2]", "chat"]
    assert loads(config, *config.scenarios) == [
        ("poisson", 70, 8), ("poisson", 10, 3), ("poisson", 10, 3), ("poisson", 10, 64)
    ]  # fmt: skip


def test_a_file_is_played_with_its_mix_and_a_named_scenario_alone(opened):
    config = opened("perf_mixed.py")
    assert (config.mix, config.scenarios[-1]) == ("day", "alone")
    assert loads(config, "alone") == [("poisson", 5, 8)]
    by_name = opened("perf_mixed.py", named=False, flags={"scenarios": ["day"]})
    assert (by_name.mix, by_name.scenarios[0], len(by_name.scenarios)) == ("day", "browse", 4)
    browse = opened("perf_mixed.py::browse")
    assert (browse.mix, browse.load_of("browse").schedule) == ("", "closed")


def test_a_later_place_says_the_load_of_all_together(opened):
    assert loads(opened("perf_mixed.py::day", sets=["load.rate_per_s=200"]), "browse") == [
        ("poisson", 140, 8)
    ]
    ramp = opened(
        "perf_mixed.py::day",
        sets=["scenario.day.schedule=ramp", "scenario.day.rate_per_s=10", "scenario.day.to_rate_per_s=20"],
    )
    assert (ramp.load_of("browse").schedule, ramp.load_of("browse").to_rate_per_s) == ("ramp", 14)
    steps = opened("perf_mixed.py::day", sets=["load.schedule=steps", "load.steps=10/s for 5s,20/s for 5s"])
    assert steps.load_of("browse").steps == ["7.000000/s for 5s", "14.000000/s for 5s"]


def test_a_side_of_a_duet_gets_the_same_shares_again(opened):
    config = opened("perf_mixed.py::day")
    settings = {name: each.value for name, each in config.settings.items() if each.value is not None}
    again = opened("perf_mixed.py", named=False, flags=settings)
    assert (again.mix, loads(again, *again.scenarios)) == ("day", loads(config, *config.scenarios))


@pytest.mark.parametrize(
    ("change", "asked", "said"),
    [
        ("night = tg.mix({browse: 1, chat: 1}, rate='1/s')", "perf_mixed.py", "name one, as FILE::day"),
        ("", "perf_mixed.py::dya", "has no scenario 'dya'. Did you mean 'day'?"),
        ("day = tg.mix({browse: 1}, rate='1/s')", "perf_mixed.py", "a mix is of two scenarios or more"),
        ("day = tg.mix({browse: 0, chat: 1}, rate='1/s')", "perf_mixed.py", "the weight of browse is 0"),
        ("day = tg.mix({browse: 1, chat: 1}, rate='fast')", "perf_mixed.py", "rate 'fast' is not valid"),
    ],
)
def test_what_cannot_be_is_named(opened, change, asked, said):
    with pytest.raises(UsageError) as error:
        opened(asked, text=dedent(SHOP) + change)
    assert said in str(error.value)


def test_users_of_locust_have_its_weights(opened, tmp_path):
    opened("perf_mixed.py")
    weights = discover(tmp_path, ["perf_mixed.py"]).weights
    assert {name: round(weight, 6) for name, weight in weights.items()} == {
        "browse": 2.8, "buy[size=1]": 0.4, "buy[size=2]": 0.4, "chat": 0.4, "alone": 1
    }  # fmt: skip


def test_an_unknown_mix_is_named_with_those_there_are(opened):
    with pytest.raises(UsageError, match=r"There is no mix 'dya'. Did you mean 'day'"):
        opened("perf_mixed.py", sets=["mix=dya"])


def test_a_mix_is_public():
    assert "mix" in tg.__all__
