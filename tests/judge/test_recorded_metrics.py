"""Limits of what a journey recorded: judged on counts like any other, and INVALID if it was never recorded."""

import numpy as np
import pytest
from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.base.state import State
from tailguard.judge.objective import parse_objective, parse_stated
from tailguard.judge.objectives import parse_objectives
from tailguard.judge.objectives.stated import limits_beside, put
from tailguard.judge.stopping_rule import StoppingRule
from tailguard.judge.verdicts import judge_run
from tailguard.record.objective import Objective
from tailguard.record.samples.values import Values
from tailguard.suite.scenario import Limits
from tests.support.runs_by_hand import made_run, samples_of

N = 1200


def objectives(*texts, known=("look",)):
    tables = {}
    put(limits_beside({"shop": Limits(texts)}), tables, {"shop": known}, "")
    document = {"defaults": {"dependence": "independent"}, "scenarios": tables}
    return parse_objectives(document, known={"shop": known})


def run_of(folder, **recorded):
    samples = samples_of("shop", ("look",), np.full(N, 5.0))
    columns = [np.asarray(each, float) for each in recorded.values()]
    values = Values(
        tuple(recorded),
        np.concatenate([np.full(len(each), place, np.uint8) for place, each in enumerate(columns)]),
        np.concatenate([np.arange(len(each)) for each in columns]),
        np.concatenate(columns),
    )
    object.__setattr__(samples, "recorded", values)
    return made_run(folder, shop=samples)


def judged(run, *texts):
    return {each.name.removeprefix("shop "): each for each in judge_run(run, objectives(*texts))}


def test_limits_of_recorded_metrics_are_read_beside_those_of_steps():
    found = objectives(
        "look p95 <= 9ms", "queue depth p95 < 100", "cache_hit rate >= 95%", "fallback rate <= 5%"
    )
    assert [(each.name, each.step, each.metric, each.limit, each.p0, each.sign) for each in found.items] == [
        ("shop p95 <= 9ms", "look", "latency", 9, 0.05, "≤"),
        ("shop queue depth p95 < 100", "queue depth", "value", 100, 0.05, "<"),
        ("shop cache_hit rate >= 95%", "cache_hit", "rate", 0.95, 0.05, "≥"),
        ("shop fallback rate <= 5%", "fallback", "rate", 0.05, 0.05, "≤"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p95 <= 100", "has no unit; a latency needs one of"),
        ("look p95 <= 100", "has no unit; a latency needs one of"),
        ("rate >= 95%", "'rate' is not a quantile or a rate that is judged"),
        ("eror rate < 1%", "did you mean 'error rate < 1%'?"),
        ("cache_hit rate > 95%", "'>' sets no limit"),
        ("queue_depth p5 >= 3", "'>=' sets no limit"),
        ("error rate >= 3%", "'>=' sets no limit"),
        ("cache_hit rate >= 0.95", "is not a percentage between 0 and 100; write '>= 95%'"),
    ],
)
def test_what_is_no_limit_of_one_is_refused_with_the_form(text, said):
    with pytest.raises(UsageError) as error:
        objectives(text)
    assert said in str(error.value)


def test_where_nothing_is_recorded_but_times_it_does_not_parse():
    assert parse_stated("cache_hit rate >= 95%").metric == "rate"
    for text, why in (
        ("cache_hit rate >= 95%", "not a quantile"),
        ("queue p95 <= 100", "needs one of ns, us"),
    ):
        with pytest.raises(UsageError, match=why):
            parse_objective(text)


def test_numbers_and_rates_are_judged_on_counts(tmp_path):
    depths, hits = np.full(N, 17.0), np.arange(N) % 100 != 0
    found = judged(
        run_of(tmp_path, depth=depths, hit=hits, miss=hits),
        "depth p95 <= 100", "depth p99 <= 16", "hit rate >= 95%", "miss rate <= 50%",
    )  # fmt: skip
    assert {name: each.state for name, each in found.items()} == {
        "depth p95 <= 100": State.PASS,
        "depth p99 <= 16": State.FAIL,
        "hit rate >= 95%": State.PASS,
        "miss rate <= 50%": State.FAIL,
    }
    rate = found["hit rate >= 95%"]
    assert rate.observed.value == pytest.approx(0.99)
    assert 0.95 <= rate.observed.low <= 0.99 <= rate.observed.high
    assert found["depth p95 <= 100"].observed.value == 17


def test_a_rate_that_is_too_low_fails(tmp_path):
    found = judged(run_of(tmp_path, hit=np.arange(N) % 4 != 0), "hit rate >= 95%")["hit rate >= 95%"]
    assert (found.state, found.observed.high < 0.95) == (State.FAIL, True)


def test_one_that_was_never_recorded_or_is_something_else_is_invalid(tmp_path):
    run = run_of(tmp_path, depth=np.full(N, 17.0))
    found = judged(run, "dept p95 <= 100", "depth rate >= 95%")
    assert {each.state for each in found.values()} == {State.INVALID}
    assert "recorded no 'dept': it.record('dept', ...) was never called" in found["dept p95 <= 100"].why
    assert "was recorded as numbers" in found["depth rate >= 95%"].why
    stepped = judge_run(run, objectives("look p95 <= 100", known=()))[0]
    assert "'look' is a step of 'shop': give the limit of its latency a unit" in stepped.why


def test_sampling_goes_on_until_they_are_decided(tmp_path):
    samples = run_of(tmp_path, depth=np.full(N, 17.0)).samples()["shop"]
    assert StoppingRule(objectives("depth p95 <= 100"))("shop", samples)
    assert not StoppingRule(objectives("depth p95 <= 100", "never p95 <= 1"))("shop", samples)


def test_an_objective_has_the_limit_of_its_own_metric_alone():
    good = objectives("hit rate >= 95%").items[0]
    with pytest.raises(ValueError, match="a rate has max_ratio or min_ratio, and nothing else"):
        replace(good, max_ratio=0.5)
    with pytest.raises(ValueError, match="a value has q and limit_value, and nothing else"):
        Objective(name="x", scenario="shop", step="x", metric="value", q=0.5, limit_ms=3)
