"""Histograms: read as their own library reads them, judged at both counts around a limit."""

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.formats.checked import Counted
from tailguard.formats.content import Options
from tailguard.formats.judged import Assumed, judge_file
from tailguard.formats.read_latencies import read_latencies
from tailguard.judge.objective import parse_objective
from tailguard.report.exports.hgrm import text_of

US = Options(unit="us")
HEADER = (
    "#[Histogram log format version 1.3]\n"
    '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
)


def judged(found, objective, dependence="independent"):
    [verdict] = judge_file(found, [parse_objective(objective)], Assumed(0.01, dependence))
    return verdict


@pytest.mark.system
@settings(max_examples=15)  # their library is slow
@given(
    st.lists(st.lists(st.integers(1, 3_000_000_000), min_size=1, max_size=40), min_size=1, max_size=3),
    st.sampled_from([2, 3, 4]),
)
def test_a_log_is_decoded_as_its_own_library_does(tmp_path_factory, intervals, digits):
    path = tmp_path_factory.mktemp("log") / "a.hlog"
    whole, lines = HdrHistogram(1, 3_600_000_000, digits), []
    for values in intervals:
        part = HdrHistogram(1, 3_600_000_000, digits)
        for value in values:
            part.record_value(value)
        whole.add(part)
        lines.append(f"0.0,1.0,1.0,{part.encode().decode()}\n")
    path.write_text(HEADER + "".join(lines))
    found = read_latencies(path, US)
    assert isinstance(found, Counted)
    expected = {
        each.value_iterated_to: each.count_added_in_this_iter_step for each in whole.get_recorded_iterator()
    }
    assert (found.values_ms * 1000).round().astype(int).tolist() == sorted(expected)
    assert np.diff(found.counts, prepend=0).tolist() == [expected[top] for top in sorted(expected)]
    exact = np.sort(np.concatenate(intervals))
    tops = np.repeat(found.values_ms * 1000, np.diff(found.counts, prepend=0))
    assert (np.abs(tops - exact) <= found.error * exact + 1).all(), (
        "a value is off by no more than the error said"
    )


@pytest.mark.system
@given(st.lists(st.floats(0.5, 50), min_size=20, max_size=300), st.floats(1, 40))
def test_the_truth_lies_between_both_counts(tmp_path_factory, values, limit):
    """Our own export is exact, but has only some of the values."""
    path = tmp_path_factory.mktemp("export") / "a.hgrm"
    times = np.round(values, 3)
    path.write_text(text_of(times))
    limit = round(limit, 3)
    truth = int((times > limit).sum())
    decision = judged(read_latencies(path), f"p50 <= {limit}ms").decision
    if decision.why.startswith("between "):
        words = decision.why.replace(",", "").split()
        assert int(words[1]) <= truth <= int(words[3])
    else:
        assert decision.exceedances == truth


def test_a_limit_within_a_bucket_is_undecided_and_one_beside_it_is_decided(tmp_path):
    histogram = HdrHistogram(1, 3_600_000_000, 2)
    for _ in range(1000):
        histogram.record_value(200_000)
    (tmp_path / "a.hlog").write_text(f"{HEADER}0.0,1.0,1.0,{histogram.encode().decode()}\n")
    found = read_latencies(tmp_path / "a.hlog", US)
    states = [str(judged(found, f"p95 <= {limit}ms").decision.state) for limit in (190, 200, 210)]
    assert states == ["FAIL", "INCONCLUSIVE", "PASS"]
    assert "the limit lies within a bucket" in judged(found, "p95 <= 200ms").decision.why


WRK2 = """Running 30s test @ http://127.0.0.1:80/
  Thread Stats   Avg      Stdev     Max   +/- Stdev
  Detailed Percentile spectrum:
       Value   Percentile   TotalCount 1/(1-Percentile)

       1.000     0.000000           10         1.00
       8.000     0.500000          500         2.00
      18.000     1.000000         1000          inf
#[Mean    =        9.200, StdDeviation   =        5.150]
#[Max     =       18.000, Total count    =         1000]
#[Buckets =           27, SubBuckets     =         2048]
  Non-2xx or 3xx responses: {failed}
"""


@pytest.mark.parametrize(
    ("failed", "objective", "state"),
    [
        (0, "p50 <= 20ms", "PASS"),
        (990, "p50 <= 9ms", "INVALID"),
        (990, "error rate < 1%", "FAIL"),
        (0, "error rate < 1%", "PASS"),
        (1000, "p50 <= 20ms", "INVALID"),
        (40, "p50 <= 20ms", "PASS"),
    ],
)
def test_failures_that_wrk2_counts_may_have_had_any_latency(tmp_path, failed, objective, state):
    (tmp_path / "wrk2.txt").write_text(WRK2.format(failed=failed))
    assert str(judged(read_latencies(tmp_path / "wrk2.txt"), objective).decision.state) == state
