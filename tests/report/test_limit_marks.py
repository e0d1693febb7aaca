"""Limits in charts: inside the axes, each with its name where no other stands."""

import itertools

import pytest

from tailguard.report.charts.charts import figures_of
from tailguard.report.charts.downsampling import step_of
from tailguard.report.charts.limit_marks import limit_points, limit_rules
from tailguard.report.charts.over_time.windows import load_of
from tailguard.report.charts.small_chart import WIDTH, small_chart
from tailguard.report.charts.style import Domain, Figure, Limit
from tests.support.made_samples import columns

pytestmark = pytest.mark.system

AXIS = Domain(0.1, 1000.0)


def limits(*values_ms: float) -> list[Limit]:
    return [Limit(0.95, ms, f"p95 <= {ms:g}ms") for ms in values_ms]


def texts(layers) -> list[dict]:
    """The names that are drawn, without their halos."""
    marks = [layer.mark for layer in layers]
    return [mark for mark in marks if mark["type"] == "text" and "stroke" not in mark]


@pytest.mark.parametrize("limit_ms", [0.001, 0.4, 5.0, 100_000.0])
def test_a_limit_lies_inside_the_axes_wherever_the_samples_are(table, limit_ms: float) -> None:
    found = columns(table)["registration"]
    step = step_of(found, "register")
    figures = figures_of(step, limits(limit_ms), 100, load_of(found).windows)
    charts = [figure for figure in figures if figure.title != "Service against response"]
    assert len(charts) == 4
    assert all(low < limit_ms < high for figure in charts for low, high in [axis_of(figure)])


def axis_of(figure: Figure) -> tuple[float, float]:
    """The ends of the axis of times."""
    channel = "x" if figure.title == "Distribution" else "y"
    layers = figure.spec["layer"]
    return tuple(
        next(
            each["encoding"][channel]["scale"]["domain"]
            for each in layers
            if "scale" in each["encoding"].get(channel, {})
        )
    )


def test_limits_far_apart_are_named_at_the_same_end_and_near_ones_at_different_ends() -> None:
    assert [each["align"] for each in texts(limit_rules(limits(1, 100), AXIS))] == ["left", "left"]
    assert [each["align"] for each in texts(limit_rules(limits(100, 105), AXIS))] == ["left", "right"]
    assert len(texts(limit_rules(limits(100, 102, 104), AXIS))) == 2  # the third has its tooltip
    assert [each["align"] for each in texts(limit_rules(limits(100, 105), AXIS, upright=True))] == [
        "right",
        "left",
    ]


def test_a_name_that_was_put_below_its_line_does_not_stand_on_the_one_below() -> None:
    """At the upper end of a low chart: 75 ms is named above its line, 120 ms below."""
    both = texts(limit_rules(limits(75, 120), Domain(0.6, 150.0), 180))
    assert [(each["align"], each["dy"] > 0) for each in both] == [("left", False), ("right", True)]


def test_limits_of_the_same_time_have_one_name_together() -> None:
    rows = limit_rules([Limit(0.95, 300, "p95 <= 300ms"), Limit(0.99, 300, "p99 <= 300ms")], AXIS)
    assert len(texts(rows)) == 1
    assert "p95 <= 300ms, p99 <= 300ms" in str(rows[-1].rows)


def test_a_name_at_the_end_of_its_axis_stands_on_the_inner_side_of_its_line() -> None:
    (high,), (low,) = (texts(limit_rules(limits(ms), AXIS)) for ms in (990, 0.101))
    assert (high["dy"] > 0, low["dy"] > 0) == (True, False)
    (first,) = texts(limit_rules(limits(0.101), AXIS, upright=True))
    assert first["dy"] > 0


@pytest.mark.parametrize("levels", [*itertools.product((0.5, 0.9, 0.95, 0.99), repeat=2)])
def test_the_name_of_a_diamond_covers_neither_an_axis_nor_another_name(levels: tuple[float, float]) -> None:
    x, near = (
        Domain(1.0, 4000.0),
        [Limit(q, 100 + 5 * place, "presigned p95 <= 1ms") for place, q in enumerate(levels)],
    )
    placed = texts(limit_points(near, x, AXIS))
    if levels[0] == 0.5:
        assert placed[0]["align"] == "left"  # to its left lies the axis
    if len(placed) == 2 and placed[0]["align"] == placed[1]["align"]:
        assert placed[0]["dy"] != placed[1]["dy"]


def test_a_limit_beyond_the_last_sample_of_a_curve_has_no_diamond() -> None:
    assert limit_points([Limit(0.999, 100, "p99.9")], Domain(1.0, 500.0), AXIS) == []


def test_the_small_chart_holds_its_limits_and_says_what_it_shows(table) -> None:
    step = step_of(columns(table)["registration"], "register")
    drawn = small_chart(step, limits(0.2, 9000))
    places = [float(each.split(" ")[0]) for each in drawn.rpartition('d="')[2].split("M")[1:]]
    assert 0 < places[0] < places[1] < WIDTH
    assert "limits 200 µs, 9 s" in drawn
