"""A duet's pairs as a chart: the numbers that the gate decided on, with bounds and margin inside the axes."""

import pytest
from msgspec.structs import replace

from tailguard.compare.comparison import compare_blocks
from tailguard.compare.pairs import pair_changes
from tailguard.report.charts.pairs_chart import pairs_figures, sides_figures
from tests.support.blocks import blocks
from tests.support.made_duet import duet

pytestmark = pytest.mark.system

SIDES = blocks(1, 20, factor=1.09, errors=0.02)
CHANGES = compare_blocks(*SIDES, duet().margins)


@pytest.mark.parametrize("change", CHANGES, ids=[each.name for each in CHANGES])
def test_each_pair_shows_the_change_that_the_gate_counted(change) -> None:
    found = dict(pair_changes(change, *SIDES))
    assert list(found) == list(range(1, 21))
    assert sum(found[pair] > 0 for pair in range(1, change.pairs + 1)) == change.slower
    assert min(found.values()) <= change.change <= max(found.values())


def test_a_pair_that_one_side_lacks_is_left_out() -> None:
    baseline, candidate = (list(side) for side in SIDES)
    candidate[3] = {}
    assert 4 not in dict(pair_changes(CHANGES[0], baseline, candidate))
    elsewhere = replace(CHANGES[0], step="gone")
    assert dict(pair_changes(elsewhere, *SIDES)) == {}


def test_latencies_and_failures_have_a_picture_each_with_all_marks_inside_the_axes() -> None:
    latency, failures = pairs_figures(CHANGES, *SIDES)
    assert [latency.title, failures.title] == [
        "Pairs: change of latency",
        "Pairs: change of errors and refusals",
    ]
    for figure, changes in ((latency, CHANGES[:-1]), (failures, CHANGES[-1:])):
        low, high = next(
            layer["encoding"]["x"]["scale"]["domain"]
            for layer in figure.spec["layer"]
            if "scale" in layer["encoding"]["x"]
        )
        marks = [100 * mark for each in changes for mark in (each.low, each.high, each.margin, each.change)]
        assert low < min(0.0, *marks)
        assert max(marks) < high
        assert all(each.name.removesuffix(" against the baseline") in str(figure.spec) for each in changes)


def test_sides_without_any_failure_have_no_picture_of_them() -> None:
    calm = blocks(1, 10)
    figures = pairs_figures(compare_blocks(*calm, duet().margins), *calm)
    assert [figure.title for figure in figures] == ["Pairs: change of latency"]


def test_a_bound_that_is_open_reaches_the_end_of_the_axis() -> None:
    few = blocks(1, 3)
    (figure,) = pairs_figures(compare_blocks(*few, duet().margins), *few)
    rows = next(rows for rows in figure.spec["datasets"].values() if "margin" in rows[0])
    (low, high) = figure.spec["layer"][1]["encoding"]["x"]["scale"]["domain"]
    assert [rows[0]["low"], rows[0]["high"]] == pytest.approx([low, high], rel=1e-3)


def test_both_sides_of_a_step_have_their_curves_over_all_blocks() -> None:
    figure, distribution = sides_figures(CHANGES, *SIDES)
    ok = [sum(len(block["registration"].response_ms("register")) for block in side) for side in SIDES]
    assert figure.title == "Both sides: registration register"
    assert f"{ok[0]:,} of the baseline, {ok[1]:,} of the candidate" in figure.caption
    curves = next(rows for rows in figure.spec["datasets"].values() if "time" in rows[0])
    slowest = {row["time"]: row["ms"] for row in curves}
    assert slowest["candidate"] > slowest["baseline"]
    bins = next(rows for rows in distribution.spec["datasets"].values() if "share" in rows[0])
    for side in ("baseline", "candidate"):
        shares = [row["share"] for row in bins if row["side"] == side]
        assert sum(shares) == pytest.approx(100, abs=0.01), "no sample falls outside of the bins"
        assert shares[-1] == 0
    assert len({row["ms"] for row in bins}) == len(bins) / 2, "the bins of both are the same"
    baseline, _ = SIDES
    assert list(sides_figures(CHANGES, baseline, [{} for _ in baseline])) == []
