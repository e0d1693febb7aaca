"""Schedules are pure: the same fields give the same starts, ascending and within the duration."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tailguard.base.errors import UsageError
from tailguard.engine.schedule import Closed, Constant, Poisson, Ramp, Steps
from tailguard.record.scenario import ClosedSchedule

rates = st.floats(0.1, 500)
durations = st.floats(0.01, 5)
seeds = st.integers(0, 2**32)
maybe_seeds = st.none() | seeds

schedules = st.one_of(
    st.builds(Constant, rates, durations),
    st.builds(Poisson, rates, durations, seeds),
    st.builds(Ramp, rates, rates, durations, maybe_seeds),
    st.builds(Steps, st.lists(st.tuples(rates, durations), min_size=1, max_size=4).map(tuple), maybe_seeds),
)


@given(schedules)
def test_starts_ascend_within_the_duration_and_are_the_same_each_time(schedule):
    starts = schedule.starts_ns()
    assert starts.dtype == np.int64
    assert np.all(np.diff(starts) >= 0)
    assert len(starts) == 0 or (starts[0] >= 0 and starts[-1] <= schedule.duration_s * 1e9 + 1)
    assert np.array_equal(starts, schedule.starts_ns())


@given(rates, durations)
def test_constant_starts_are_rate_times_duration_evenly_spaced(rate, duration):
    starts = Constant(rate, duration).starts_ns()
    assert len(starts) == math.ceil(rate * duration)
    assert np.abs(starts - np.arange(len(starts)) * 1e9 / rate).max() <= 1


@given(rates, seeds, durations, durations)
def test_a_longer_poisson_schedule_begins_with_the_shorter_one(rate, seed, one, other):
    short, long = sorted([one, other])
    begin = Poisson(rate, short, seed).starts_ns()
    assert np.array_equal(begin, Poisson(rate, long, seed).starts_ns()[: len(begin)])


def test_poisson_gaps_are_exponential_with_the_rate_asked_for():
    gaps_s = np.diff(Poisson(200, 100, seed=11).starts_ns()) / 1e9
    assert stats.kstest(gaps_s, "expon", args=(0, 1 / 200)).pvalue > 0.001


def test_another_seed_gives_other_starts():
    assert not np.array_equal(Poisson(50, 2, seed=1).starts_ns(), Poisson(50, 2, seed=2).starts_ns())


@given(rates, rates, durations)
def test_a_ramp_has_the_starts_of_its_mean_rate_and_follows_its_line(first, last, duration):
    ramp = Ramp(first, last, duration)
    starts_s = ramp.starts_ns() / 1e9
    assert len(starts_s) == math.ceil(ramp.rate_per_s * duration)
    grown = first * starts_s + (last - first) * starts_s**2 / (2 * duration)
    assert np.allclose(grown, np.arange(len(starts_s)), atol=1e-3)


def test_a_ramp_may_begin_at_nothing():
    starts_s = Ramp(0, 100, 2).starts_ns() / 1e9
    assert len(starts_s) == 100
    assert np.count_nonzero(starts_s < 1) == pytest.approx(25, abs=1)


def test_steps_hold_each_rate_and_pause_at_zero():
    starts_s = Steps(((10, 1), (0, 2), (100, 0.5))).starts_ns() / 1e9
    assert [np.count_nonzero((starts_s >= a) & (starts_s < b)) for a, b in ((0, 1), (1, 3), (3, 3.5))] == [
        10,
        0,
        50,
    ]


def test_a_closed_schedule_has_no_starts_and_says_how_many_clients():
    closed = Closed(8, 10)
    assert len(closed.starts_ns()) == 0
    assert closed.describe(workers=8) == ClosedSchedule(clients=8, workers=8)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda: Constant(0, 1), "rate_per_s of a constant schedule is 0"),
        (lambda: Constant(math.nan, 1), "rate_per_s of a constant schedule is nan"),
        (lambda: Poisson(10, math.inf), "duration_s of a poisson schedule is inf"),
        (lambda: Poisson(10, 1, seed=-1), "the seed of a poisson schedule is -1"),
        (lambda: Ramp(-1, 5, 1), "from_per_s of a ramp schedule is -1"),
        (lambda: Ramp(0, 0, 1), "sum_of_rates of a ramp schedule is 0"),
        (lambda: Steps(()), "at least one"),
        (lambda: Steps(((0, 1),)), "sum_of_starts of a steps schedule is 0"),
        (lambda: Steps(((5, 0),)), "seconds of a steps schedule is 0"),
        (lambda: Closed(0, 1), "clients of a closed schedule is 0"),
        (lambda: Constant(1e9, 1e6), "does not fit"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_with_its_value(wrong, named):
    with pytest.raises(UsageError, match=named):
        wrong()
