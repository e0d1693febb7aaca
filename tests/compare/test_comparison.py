"""Two sides over all metrics: what became slower is found, the same code never fails, nothing is skipped."""

import math

import pytest

from tailguard.compare.comparison import ComparedMetric, compare_blocks, decided
from tailguard.compare.gate_sentences import metric_name
from tailguard.record.objective import Margin, Margins
from tailguard.record.samples import CONFLICT, ERROR
from tests.support.blocks import blocks

MARGINS = Margins(quantiles=(Margin(q=0.5, most=0.05), Margin(q=0.95, most=0.10)), floor_ms=0.1)


def by_name(found):
    return {ComparedMetric(each.scenario, each.step, each.q).title: each for each in found}


def test_ten_percent_are_found_with_their_size():
    found = by_name(compare_blocks(*blocks(1, 20, factor=1.10), MARGINS))
    median = found["registration p50 of register"]
    assert median.state == "FAIL"
    assert median.low < 0.10 < median.high
    assert median.baseline < median.candidate


def test_the_same_code_passes():
    found = compare_blocks(*blocks(2, 40, n=400), MARGINS)
    assert {each.state for each in found if each.gated} == {"PASS"}
    assert decided(found)


def test_a_tail_that_the_median_does_not_see_is_found_by_p95():
    """6 % of the requests five times slower: the median moves by a few per cent at most, p95 doubles."""
    found = by_name(compare_blocks(*blocks(3, 20, slow_share=0.06), MARGINS))
    assert found["registration p95 of register"].state == "FAIL"


@pytest.mark.parametrize("failed", [ERROR, CONFLICT])
def test_two_percent_that_fail_or_are_refused_are_found(failed):
    found = by_name(compare_blocks(*blocks(4, 20, errors=0.02, failed=failed), MARGINS))
    rate = found["registration errors and refusals"]
    assert rate.state == "FAIL"
    assert rate.candidate == pytest.approx(0.02, abs=0.01)
    assert found["registration p50 of register"].state != "FAIL"


def test_no_errors_on_either_side_pass_at_once():
    rate = by_name(compare_blocks(*blocks(5, 10), MARGINS))["registration errors and refusals"]
    assert (rate.state, rate.change) == ("PASS", 0)


def test_a_tail_of_three_percent_is_found_by_p99():
    """3 % of the requests five times slower: p95 hardly knows, p99 is three times what it was."""
    found = by_name(compare_blocks(*blocks(6, 20, slow_share=0.03), MARGINS))
    p99 = found["registration p99 of register"]
    assert (p99.state, p99.gated) == ("FAIL", True)
    assert found["registration p50 of register"].state != "FAIL"


def test_nothing_waits_for_p99_to_pass():
    p99 = by_name(compare_blocks(*blocks(12, 10), MARGINS))["registration p99 of register"]
    assert (p99.state, p99.gated) == ("INCONCLUSIVE", False)
    assert "only a proven slowdown counts" in p99.why


def test_a_scenario_that_one_side_lacks_is_invalid_never_skipped():
    baseline, candidate = blocks(7, 10, slugs=("registration", "economy_transfer"))
    for block in candidate:
        del block["economy_transfer"]
    found = compare_blocks(baseline, candidate, MARGINS)
    lost = [each for each in found if each.scenario == "economy_transfer"]
    assert lost
    assert all(each.state == "INVALID" and "candidate" in each.why for each in lost)


def test_a_side_that_answers_nothing_but_errors_fails_by_its_errors():
    found = by_name(compare_blocks(*blocks(8, 12, errors=1.0), MARGINS))
    assert found["registration errors and refusals"].state == "FAIL"
    assert found["registration p50 of register"].state == "INVALID"


def test_among_many_metrics_a_fail_needs_more_pairs_and_gets_them():
    """With 10 pairs the exact test's smallest p is 3 x 2^-10, which Holm does not grant among 15 metrics; 20 do."""
    slugs = tuple(f"s{i}" for i in range(5))
    early = compare_blocks(*blocks(9, 10, slugs=slugs, factor=1.3), MARGINS)
    assert {each.state for each in early if each.q == 0.5} == {"INCONCLUSIVE"}
    why = next(each.why for each in early if each.q == 0.5)
    assert why.endswith("10 pairs among 20 metrics can never be a FAIL, which takes 13: give it more minutes")
    assert "not significant after correcting for" in why
    late = compare_blocks(*blocks(9, 20, slugs=slugs, factor=1.3), MARGINS)
    assert {each.state for each in late if each.q == 0.5} == {"FAIL"}


def test_a_verdict_says_everything_a_reader_needs():
    verdict = compare_blocks(*blocks(10, 20, factor=1.2), MARGINS)[0]
    assert verdict.name == "registration p50 of register against the baseline"
    assert (verdict.state, verdict.pairs) == ("FAIL", 10)
    assert verdict.slower == 10
    assert verdict.low > 0
    assert math.isfinite(verdict.baseline)


def test_a_verdict_of_too_few_pairs_has_no_bounds_and_says_how_many_it_takes():
    verdict = compare_blocks(*blocks(10, 8, factor=2.0), MARGINS)[0]
    assert verdict.why.endswith(
        "8 pairs among 4 metrics can never be a FAIL, which takes 11: give it more minutes"
    )
    assert (verdict.state, verdict.low, verdict.high) == ("INCONCLUSIVE", None, None)
    assert verdict.change == pytest.approx(1.0, abs=0.2)


def test_metrics_are_named_as_people_say_them():
    assert metric_name("register", 0.95) == "p95 of register"
    assert metric_name("", None) == "errors and refusals"


@pytest.mark.benchmark
def test_a_whole_duet_of_equals_is_falsely_alarmed_in_one_of_a_hundred_at_most():
    """300 duets of two scenarios, 40 pairs, six gated metrics, looked at after 10, 20 and 40 pairs: at most 1.5 %."""
    alarms = sum(_alarmed(*blocks([11, i], 40, slugs=("a", "b"), n=100)) for i in range(300))
    assert alarms <= 4


def _alarmed(baseline, candidate):
    for pairs in (10, 20, 40):
        found = compare_blocks(baseline[:pairs], candidate[:pairs], MARGINS)
        if decided(found):
            return any(each.gated and each.state == "FAIL" for each in found)
    return False
