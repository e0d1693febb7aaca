"""A soak is judged from the counters of its segments: as its samples would be, each window, late leaders left out."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.base.state import State
from tailguard.compare.verdicts import verdicts_of
from tailguard.compare.verification import verify
from tailguard.engine.quantiles import estimate
from tailguard.judge.evidence import cumulative, inflation
from tailguard.judge.exceedance import exceedances
from tailguard.judge.objective import parse_numbers, parse_recorded_rate
from tailguard.judge.soak.counting import counted
from tailguard.judge.soak.drifts import drift_verdict
from tailguard.judge.soak.found import Read
from tailguard.judge.soak.joining import Joined
from tailguard.judge.soak.objectives import decide
from tailguard.judge.soak.stated import drift_limits, window_limits
from tailguard.record.run import Run
from tailguard.record.samples import Samples
from tailguard.record.samples.values import Values
from tailguard.record.soak.segments import RAW, SEGMENTS, Key, SegmentHead, read_segment, segment_files
from tailguard.record.soak.times import (
    at_rank,
    bucket_value,
    quantile_ms,
    quantile_rank,
    times_of,
    value_buckets_of,
)
from tailguard.record.verdict import ObjectiveVerdict, WindowVerdict
from tailguard.trust.suite_doubts import unchecked
from tests.support.made_soak import KNOWN, SEGMENT_S, begun, made_soak, objectives, steady
from tests.support.runs_by_hand import samples_of


def verdict(run: Run, kind: type, name: str = "") -> ObjectiveVerdict | WindowVerdict:
    return next(each for each in verdicts_of(run) if isinstance(each, kind) and name in each.name)


def test_counters_say_what_the_samples_say() -> None:
    rng = np.random.default_rng(1)
    times_ms = rng.lognormal(5, 0.5, 5000)
    times_ms[2000:2060] = 900.0  # a burst
    samples = samples_of("checkout", ("pay",), times_ms)
    limit = objectives("<= 300ms").of("checkout")[0]
    counters = counted(samples, [limit])
    stream = exceedances(samples, limit)
    decision = decide(counters, [counters], limit, objectives().rules["checkout"])
    assert (decision.n, decision.exceedances) == (len(stream), int(stream.sum()))
    assert decision.tau == pytest.approx(inflation(cumulative(stream), len(stream)))
    for q in (0.5, 0.95, 0.99):
        exact, read = estimate(times_ms, q).value, quantile_ms(times_of(counters, "checkout", "pay"), q)
        assert exact is not None
        assert read is not None
        assert exact <= read <= 1.0101 * exact


RECORDED = [
    parse_numbers("p95", "<= 50", scenario="checkout", name="depth"),
    parse_numbers("p50", "<= 70", scenario="checkout", name="depth"),
    parse_recorded_rate(">= 30%", scenario="checkout", name="hit"),
]


def with_recorded(samples: Samples, depths: NDArray[np.float64]) -> Samples:
    """Return the samples with a depth and a hit beside each; every other one is a hit."""
    n = len(depths)
    name = np.tile(np.array([0, 1], np.uint8), n)
    value = np.stack([depths, np.arange(n) % 2.0], axis=1).ravel()
    return replace(samples, recorded=Values(("depth", "hit"), name, np.arange(2 * n, dtype=np.int64), value))


def test_recorded_numbers_are_judged_and_their_quantiles_read_to_one_percent(tmp_path: Path) -> None:
    made = begun(tmp_path, more=RECORDED)
    depths = np.random.default_rng(2).integers(0, 100, 3000).astype(float)
    for part in np.split(depths, 10):
        made.play(1, samples=with_recorded(made.samples(100.0, len(part)), part))
    run = made.ended()
    deep, median, hits = (verdict(run, ObjectiveVerdict, each.name) for each in RECORDED)
    assert (deep.state, median.state, hits.state) == (State.FAIL, State.PASS, State.PASS)
    assert isinstance(deep, ObjectiveVerdict)
    assert isinstance(median, ObjectiveVerdict)
    assert deep.observed is not None
    assert deep.observed.value == pytest.approx(np.quantile(depths, 0.95), rel=0.0101)
    assert deep.observed.low is not None
    assert deep.observed.low >= 50.0
    assert median.observed is not None
    assert median.observed.value == pytest.approx(np.median(depths), rel=0.0101)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.95])
def test_recorded_numbers_on_both_sides_of_zero_keep_their_order(q: float) -> None:
    values = np.concatenate([-np.arange(500.0), np.zeros(50), np.arange(500.0) / 7])
    buckets = dict(sorted(value_buckets_of(values).items()))
    rank = quantile_rank(len(values), q)
    assert rank is not None
    assert bucket_value(at_rank(buckets, rank)) == pytest.approx(np.sort(values)[rank - 1], rel=0.0101)


@pytest.mark.parametrize(
    ("text", "metric", "step"),
    [
        ("depth p95 <= 50 over 3m", "value", "depth"),
        ("checkout: hit rate >= 30% over 3m", "rate", "hit"),
        ("pay p95 <= 50ms over 3m", "latency", "pay"),
    ],
)
def test_a_window_may_limit_what_is_recorded(text: str, metric: str, step: str) -> None:
    (found,) = window_limits([text], KNOWN, SEGMENT_S)
    assert (found.objective.metric, found.objective.step) == (metric, step)


def test_a_soak_within_its_limits_passes_and_what_it_says_follows_from_its_folder(tmp_path: Path) -> None:
    run = steady(begun(tmp_path, ["p95 <= 250ms over 5m"]), 30).ended()
    run.put_verdicts(verdicts_of(run))
    run.put_exit_code(run.record.deserved_exit_code)
    run.save()
    assert {each.state for each in run.record.verdicts if isinstance(each, WindowVerdict)} == {State.PASS}
    assert verdict(run, ObjectiveVerdict, "p95").state is State.PASS
    assert verify(Run.load(run.folder)) == []


def test_nothing_passes_whose_invariants_were_left_out(tmp_path: Path) -> None:
    run = steady(begun(tmp_path, ["p95 <= 250ms over 5m"]), 8).ended()
    assert verdict(run, ObjectiveVerdict, "p95").state is State.PASS
    run.put_doubts([unchecked("checkout", "they need all samples")])
    assert {each.state for each in verdicts_of(run)} == {State.INCONCLUSIVE}


def test_the_interval_of_a_pass_is_within_the_limit(tmp_path: Path) -> None:
    found = verdict(steady(begun(tmp_path), 30).ended(), ObjectiveVerdict, "p95")
    assert isinstance(found, ObjectiveVerdict)
    assert found.observed is not None
    assert found.observed.low is not None
    assert found.observed.high is not None
    assert found.observed.value is not None
    assert found.observed.low <= found.observed.value <= found.observed.high <= 250.0


def test_five_slow_minutes_of_an_hour_breach_the_windows_limit_and_are_named(tmp_path: Path) -> None:
    run = steady(
        begun(tmp_path, ["p95 <= 250ms over 5m"]), 60, lambda number: 240.0 if 20 <= number < 25 else 90.0
    ).ended()
    found = verdict(run, WindowVerdict)
    assert isinstance(found, WindowVerdict)
    assert found.state is State.FAIL
    assert found.worst_s == 20 * SEGMENT_S
    assert "the worst began after 20 min" in found.why
    assert verdict(run, ObjectiveVerdict, "p95").state is not State.FAIL, (
        "the hour as a whole keeps its limit"
    )


def test_a_window_is_not_laid_over_a_change_of_leaders(tmp_path: Path) -> None:
    made = steady(begun(tmp_path, ["p95 <= 250ms over 5m"]), 6)
    made.now_s += 30.0
    made.lead(2)
    for _ in range(6):
        made.play(2)
    found = verdict(made.ended(), WindowVerdict)
    assert isinstance(found, WindowVerdict)
    assert found.windows == 2 + 2


def test_a_late_segment_of_an_older_leader_is_refused_and_shown_and_the_lost_load_is_counted(
    tmp_path: Path,
) -> None:
    found = made_soak(tmp_path).record.soak.found  # type: ignore[union-attr]  # it is a soak
    assert found is not None
    assert (found.segments, found.missing) == (12, 0)
    assert [each.fence for each in found.refused] == [1]
    assert "older fence 1, after host:2 led with fence 2" in found.refused[0].why
    assert [gap.seconds for gap in found.gaps] == [30.0]
    assert found.gaps[0].iterations == round(30.0 * 300 / SEGMENT_S)
    assert found.covered_s == 12 * SEGMENT_S


def test_a_changed_counter_is_found(tmp_path: Path) -> None:
    made = steady(begun(tmp_path), 3)
    run = made.ended()
    first = next(path for _, _, path in segment_files(run.folder / SEGMENTS))
    made.number, made.now_s = 0, 0.0
    made.play(1, 400.0)
    assert read_segment(first).head.number == 0
    assert any(each.where.startswith("soak.found") for each in verify(Run.load(run.folder)))


def test_samples_of_the_last_hour_alone_are_kept_whole(tmp_path: Path) -> None:
    run = steady(begun(tmp_path), 70, lambda _: 10.0).ended()
    kept = [number for number, _, _ in segment_files(run.folder / RAW)]
    assert kept == [*range(10, 70)]
    assert run.record.soak.found.segments == 70  # type: ignore[union-attr]  # it has ended


def test_exceedances_are_counted_alone_once_they_have_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailguard.soak.folder.MOST_BEYOND_BYTES", 1)
    found = steady(begun(tmp_path), 3, lambda _: 400.0).ended().record.soak.found  # type: ignore[union-attr]
    assert found is not None
    assert found.exceedances_kept > 100
    assert found.exceedances_dropped > 100


def readings(minutes: int, memory: Callable[[int], float], median_ms: Callable[[int], float]) -> Read:
    """What is read of a soak that has these readings."""
    heads = tuple(SegmentHead(n, 1, n * SEGMENT_S, (n + 1) * SEGMENT_S) for n in range(minutes))
    each = tuple({Key("reading", name="memory"): memory(n)} for n in range(minutes))
    medians = tuple({("checkout", "pay"): median_ms(n)} for n in range(minutes))
    return Read(Joined((), ()), heads, {}, each, medians)


@pytest.mark.parametrize(
    ("grows", "state"), [(0.0, State.PASS), (20.0, State.FAIL), (1.0, State.INCONCLUSIVE)]
)
def test_memory_that_grows_by_more_than_its_limit_fails(grows: float, state: State) -> None:
    rng = np.random.default_rng(3)
    [limit] = drift_limits(["memory < 1MB/h"], KNOWN)
    read = readings(120, lambda n: 200.0 + grows * n / 60 + rng.normal(0, 0.3), lambda _: 1.0)
    found = drift_verdict(read, limit)
    assert found.state is state, found.why


def test_a_drift_of_latency_is_a_share_of_its_mean() -> None:
    [limit] = drift_limits(["latency < 2%/day"], KNOWN)
    found = drift_verdict(readings(100, lambda _: 1.0, lambda n: 100.0 + n), limit)
    assert found.state is State.FAIL
    assert found.slope == pytest.approx(60 / 150, rel=0.1)  # 60 ms per hour, of 150 ms


def test_too_few_readings_are_no_verdict() -> None:
    [limit] = drift_limits(["connections < 1/day"], KNOWN)
    found = drift_verdict(readings(100, lambda _: 1.0, lambda _: 1.0), limit)
    assert found.state is State.INCONCLUSIVE
    assert "0 segments have this reading; 100 are the fewest" in found.why


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("p95 <= 250ms", "write 'checkout: p95 <= 250ms over 5m'"),
        ("p95 <= 250ms over 90s", "one or more whole segments of 60 s"),
        ("chekout: p95 <= 250ms over 5m", "there is no scenario 'chekout'. Did you mean 'checkout'?"),
        ("p95 <= 250 over 5m", "needs one of ns, us"),
    ],
)
def test_a_window_that_does_not_parse_is_told_the_form(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        [*window_limits([text], KNOWN, SEGMENT_S)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("memory < 1ms/h", "the unit of memory is one of %, GB, MB, kB"),
        ("memroy < 1MB/h", "is not a reading"),
        ("memory 1MB", "does not parse"),
        ("checkout: memory < 1MB/h", "is the whole soak's"),
    ],
)
def test_a_drift_that_does_not_parse_is_told_the_form(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        [*drift_limits([text], KNOWN)]
