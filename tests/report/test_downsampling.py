"""Thinning loses nothing that a reader must see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.report.charts.downsampling import (
    busy_buckets,
    cloud,
    histogram,
    median_by_bucket,
    percentile_curve,
    slowest_by_bucket,
    step_of,
)
from tests.support.made_samples import columns, samples

times = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=300).map(np.array)
buckets = st.integers(1, 40)


def clock(values: np.ndarray) -> np.ndarray:
    return np.arange(len(values)) * 0.01


@given(times, buckets)
def test_the_slowest_sample_of_all_is_always_drawn(values, count) -> None:
    kept = slowest_by_bucket(clock(values), values, count)
    assert values[kept].max() == values.max()
    assert len(kept) == len(set(kept)) <= count


@given(times, buckets)
def test_no_sample_is_slower_than_the_one_drawn_for_its_slice(values, count) -> None:
    at_s = clock(values)
    kept = slowest_by_bucket(at_s, values, count)
    end = at_s.max() or 1.0
    places = np.searchsorted(np.arange(count) * (end / count), at_s, side="right") - 1
    drawn = dict(zip(places[kept], values[kept], strict=True))
    assert all(values[i] <= drawn[place] for i, place in enumerate(places))


@pytest.mark.system
@given(times)
def test_the_histogram_counts_every_sample(values) -> None:
    assert histogram(values)["n"].sum() == len(values)


@pytest.mark.system
@given(times, times)
def test_the_cloud_counts_every_sample(x, y) -> None:
    n = min(len(x), len(y))
    assert cloud(x[:n], y[:n])["n"].sum() == n


@pytest.mark.system
@given(times, buckets)
def test_the_median_line_counts_every_sample(values, count) -> None:
    assert median_by_bucket(clock(values), values, count)["n"].sum() == len(values)


@pytest.mark.system
@given(times)
def test_the_percentile_curve_rises_through_times_that_occurred(values) -> None:
    curve = percentile_curve(values)
    assert set(curve["ms"]) <= set(values)
    assert curve["ms"].is_monotonic_increasing
    assert curve["q"].iloc[-1] == pytest.approx(1 - 1 / len(values))


def test_a_scenario_that_waits_for_its_turns_is_drawn_as_finely_as_one_that_does_not() -> None:
    turns = np.concatenate([start + np.linspace(0, 1, 400) for start in range(0, 50, 10)])
    values = np.ones(len(turns))
    kept = slowest_by_bucket(turns, values, busy_buckets(turns, 100))
    assert 80 <= len(kept) <= 120


def test_the_median_line_does_not_bridge_the_time_that_belonged_to_others() -> None:
    turns = np.concatenate([start + np.linspace(0, 1, 400) for start in range(0, 50, 10)])
    medians = median_by_bucket(turns, np.ones(len(turns)), 100)
    assert medians["stretch"].nunique() == 5


def test_a_step_keeps_failures_apart_and_counts_time_from_the_scenarios_start() -> None:
    table = samples(400)
    mine = table[table.step == "presigned_read"]
    step = step_of(columns(table)["certificate_upload"], "presigned_read")
    assert len(step.response_ms) == (mine.outcome == "ok").sum()
    assert len(step.failed_ms) == (mine.outcome == "error").sum()
    assert 0 <= step.at_s.min() <= step.at_s.max() < 4.01
