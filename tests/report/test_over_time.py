"""A scenario over time: rates, requests in flight, errors and percentiles in windows, by counts made by hand."""

import dataclasses

import numpy as np
import pytest
from msgspec.structs import replace

from tailguard.record.samples import ERROR, Samples
from tailguard.report.charts.downsampling import step_of
from tailguard.report.charts.over_time.load_charts import load_figures, percentiles_figure
from tailguard.report.charts.over_time.windows import (
    failures,
    load_of,
    quantiles_over_time,
)
from tailguard.report.charts.style import Limit
from tests.support.made_run import record
from tests.support.made_samples import columns

pytestmark = pytest.mark.system

S = 1_000_000_000


def steady(starts_s: np.ndarray, took_s: float = 0.5, errors: tuple[int, ...] = ()) -> Samples:
    """Requests due at these times that each take as long; those at `errors` failed with "Down"."""
    due = (starts_s * S).astype(np.int64) + 7 * S
    outcome = np.zeros(due.size, np.uint8)
    outcome[list(errors)] = ERROR
    error = (outcome == ERROR).astype(np.int32)
    none = np.zeros(due.size, np.int32)
    step = np.zeros(due.size, np.uint8)
    return Samples("x", ("step",), ("", "Down"), due, due, due + int(took_s * S), step, outcome, error, none)


def test_rates_and_what_is_in_flight_are_those_of_the_schedule() -> None:
    found = steady(np.arange(0, 100, 0.1))
    load = load_of(found)
    rates = load.rates
    assert rates["offered"].to_numpy() == pytest.approx(10, rel=0.05)
    assert rates["achieved"].to_numpy()[1:] == pytest.approx(10, rel=0.05)
    # Little's law: 10 a second, each for half a second.
    assert load.in_flight["requests"].to_numpy()[1:] == pytest.approx(5, rel=0.05)


def test_of_millions_of_requests_every_nth_tells_the_same() -> None:
    found = steady(np.arange(0, 100, 0.1))
    many = dataclasses.replace(
        found,
        steps=("one", "two"),
        **{name: np.repeat(getattr(found, name), 2000) for name in ("intended_ns", "started_ns", "ended_ns")},
        **{name: np.repeat(getattr(found, name), 2000) for name in ("step", "outcome", "error", "retries")},
    )
    load = load_of(many)
    assert load.step == 3  # not 2, which would leave out each second step
    assert len(load.samples) == pytest.approx(2_000_000 / 3, abs=1)
    assert load.rates["offered"].to_numpy() == pytest.approx(20_000, rel=0.1)
    assert load.in_flight["requests"].to_numpy()[1:] == pytest.approx(10_000, rel=0.1)


def test_a_pause_is_bridged_by_no_window() -> None:
    found = steady(np.r_[np.arange(0, 20, 0.1), np.arange(60, 80, 0.1)])
    load = load_of(found)
    windows = load.windows
    assert set(windows.stretch.tolist()) == {0, 1}
    assert not ((windows.begin_s < 50) & (windows.end_s > 30)).any()
    assert windows.width_s.sum() == pytest.approx(39.8)
    assert load.rates["offered"].to_numpy() == pytest.approx(10, rel=0.1)


def test_a_window_that_stands_alone_between_pauses_is_a_dot(table) -> None:
    entry = record(table).scenarios["registration"]
    turns = steady(np.concatenate([10 * turn + np.arange(0, 0.2, 0.01) for turn in range(6)]))
    whole = steady(np.arange(0, 100, 0.1))
    for found, points in ((turns, True), (whole, False)):
        rates = load_figures(found, entry, load_of(found), ())[0]
        assert ("point" in rates.spec["layer"][0]["mark"]) is points


def test_errors_are_counted_by_kind_in_the_window_in_which_they_were_due() -> None:
    found = steady(np.arange(0, 100, 0.1), errors=(0, 1, 500))
    rows = failures(found, load_of(found).windows, ["Down"])
    assert rows["n"].tolist() == [2, 1]
    assert [
        row.begin_s <= at_s <= row.end_s for row, at_s in zip(rows.itertuples(), (0.1, 50), strict=True)
    ] == [
        True,
        True,
    ]
    assert failures(found, load_of(found).windows, [])["kind"].tolist() == ["other errors"] * 2


@pytest.mark.parametrize(("errors", "ticks"), [((3,), [0, 1]), (tuple(range(10)), [0, 3, 6, 9])])
def test_errors_are_counted_on_an_axis_of_whole_numbers(
    table, errors: tuple[int, ...], ticks: list[int]
) -> None:
    found = steady(np.arange(0, 100, 0.1), errors=errors)
    entry = replace(record(table).scenarios["registration"], errors={"Down": len(errors)})
    figure = load_figures(found, entry, load_of(found), ())[-1]
    assert [each["values"] for each in values_of(figure.spec, "y", "axis")] == [ticks]


def test_a_quantile_is_shown_of_a_window_in_which_a_sample_lies_beyond_it() -> None:
    found = steady(np.arange(0, 100, 0.1))
    slow = dataclasses.replace(
        found, ended_ns=found.ended_ns + np.where(np.arange(1000) // 20 == 26, 5 * S, 0)
    )
    rows = quantiles_over_time(step_of(slow, "step"), load_of(slow).windows)
    assert set(rows["quantile"]) == {"p50", "p95"}  # 83 samples a window: none lies beyond its p99
    p95 = rows[rows["quantile"] == "p95"]
    assert sorted(p95["ms"]) == pytest.approx([500] * 11 + [5500])
    assert p95.loc[p95["ms"].idxmax(), "at_s"] == pytest.approx(52, abs=5)
    many = steady(np.arange(0, 100, 0.01))
    assert set(quantiles_over_time(step_of(many, "step"), load_of(many).windows)["quantile"]) == {
        "p50",
        "p95",
        "p99",
    }


def test_all_pictures_of_a_scenario_share_one_time_axis_and_one_left_edge(table) -> None:
    made, found = record(table), columns(table)["registration"]
    load, step = load_of(found), step_of(found, "register")
    figures = load_figures(found, made.scenarios["registration"], load, ())
    assert [each.title for each in figures] == ["Requests per second", "Requests in flight", "Errors by kind"]
    figures = (*figures, percentiles_figure(step, load.windows, [Limit(0.95, 0.2, "p95 <= 0.2ms")], ()))
    domains = {str(each) for figure in figures for each in values_of(figure.spec, "x", "scale")}
    assert len(domains) == 1
    assert {each["minExtent"] for figure in figures for each in values_of(figure.spec, "y", "axis")} == {44}


def values_of(spec: object, channel: str, part: str):
    """Yield what a chart says of a channel, at whatever depth."""
    if isinstance(spec, dict):
        yield from ([spec[channel][part]] if part in (spec.get(channel) or {}) else [])
        for each in spec.values():
            yield from values_of(each, channel, part)
    elif isinstance(spec, list):
        for each in spec:
            yield from values_of(each, channel, part)


def test_clients_that_start_when_they_are_ready_are_offered_nothing(table) -> None:
    made, found = record(table), columns(table)["registration"]
    closed = replace(made.scenarios["registration"], offered_rate_per_s=None)
    rates = load_figures(found, closed, load_of(found), ())[0]
    assert "nothing is offered" in rates.caption


def test_a_scenario_of_a_moment_has_no_picture_over_time(table) -> None:
    found = steady(np.array([0.0]))
    assert load_figures(found, record(table).scenarios["registration"], load_of(found), ()) == ()
