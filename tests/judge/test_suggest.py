"""Limits that would notice something: from what runs measured, as TOML that reads back."""

import tomllib

import numpy as np
import pytest

from tailguard.base.errors import UsageError
from tailguard.judge.objectives import parse_objectives
from tailguard.judge.suggest import as_toml, suggest
from tailguard.judge.verdicts import judge_run
from tests.support.runs_by_hand import made_run, samples_of


def uploads(scale=1.0, n=4000, seed=1):
    """Uploads of about 10 ms in two steps."""
    response_ms = np.random.default_rng(seed).lognormal(np.log(10 * scale), 0.3, n)
    return samples_of("upload", ("put", "get"), response_ms, step=np.arange(n) % 2)


def suggested(*runs, headroom=2.0):
    """The suggestion as an objectives file."""
    return tomllib.loads(as_toml(suggest([run.record for run in runs], headroom)))


def test_the_limits_are_twice_the_upper_bound_and_read_back(tmp_path):
    """p50, p95 and p99 of both steps, in two digits."""
    run = made_run(tmp_path, upload=uploads())
    found = suggested(run)
    objectives = parse_objectives(found)
    assert objectives.items[0].name.startswith("upload p50 <= ")
    assert len(objectives.items) == 6
    times = run.record.scenarios["upload"].steps["put"].response_ms
    for item, high in zip(
        objectives.items[:3], (times.p50.high, times.p95.high, times.p99.high), strict=True
    ):
        assert 2 * high <= item.limit_ms < 2 * high * 1.1 + 1e-9


@pytest.mark.system
def test_the_suggested_limits_pass_today_and_fail_an_eightfold_regression(tmp_path):
    """Which limits 30 to 3,000 times above the measured value would let through."""
    objectives = parse_objectives(
        suggested(made_run(tmp_path / "a", upload=uploads())) | {"defaults": {"dependence": "independent"}}
    )
    today = judge_run(made_run(tmp_path / "b", upload=uploads(seed=2)), objectives)
    worse = judge_run(made_run(tmp_path / "c", upload=uploads(8, seed=3)), objectives)
    assert {v.state for v in today} == {"PASS"}
    assert {v.state for v in worse} == {"FAIL"}


def test_of_several_runs_the_worst_counts(tmp_path):
    """Runs differ from each other more than samples within one do."""
    alone = parse_objectives(suggested(made_run(tmp_path / "a", upload=uploads())))
    both = parse_objectives(
        suggested(
            made_run(tmp_path / "b", upload=uploads()), made_run(tmp_path / "c", upload=uploads(1.5, seed=9))
        )
    )
    assert all(b.limit_ms > a.limit_ms for a, b in zip(alone.items, both.items, strict=True))


def test_a_quantile_without_an_upper_bound_has_no_limit_but_a_reason(tmp_path):
    """200 samples do not bound a p99 at 99 %."""
    run = made_run(tmp_path, upload=uploads(n=400))
    text = as_toml(suggest([run.record]))
    assert "# p99: 200 samples have no upper bound" in text
    assert "p99" not in suggested(run)["scenarios"]["upload"]


@pytest.mark.parametrize("headroom", [1.0, 0.5, float("nan")])
def test_a_headroom_that_is_none_is_refused(tmp_path, headroom):
    """It would fail what was just measured."""
    with pytest.raises(UsageError, match="headroom"):
        suggest([made_run(tmp_path, upload=uploads()).record], headroom)


def test_runs_without_scenarios_are_refused(tmp_path):
    """There is nothing to propose from."""
    with pytest.raises(UsageError, match="no scenario"):
        suggest([made_run(tmp_path).record])
