"""What clients felt of a build, and how that is judged."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tailguard.judge.proof_verdicts import (
    Felt,
    LiveVerdict,
    felt_during,
    judge_baseline,
    judge_control,
    judge_errors,
    judge_p99,
    judge_stall,
    pooled,
)
from tailguard.proofs.prove import worst_state
from tailguard.record.samples import ERROR, pack_code, samples_from_rows


def felt(*response_ms, build_s=1.0, errors=0):
    return Felt(np.array(response_ms, dtype=float), np.full(len(response_ms), build_s), errors)


def test_a_request_that_waited_for_the_build_is_a_stall():
    assert judge_stall("writers", felt(3.0, 990.0)).state == "FAIL"
    assert judge_control(felt(3.0, 990.0)).state == "PASS"


def test_slow_requests_of_a_busy_machine_are_no_stall():
    verdict = judge_stall("writers", felt(3.0, 140.0))
    assert (verdict.state, verdict.observed) == ("PASS", "140.0 ms, 14.0% of a build of 1.00 s")


def test_a_control_that_is_not_caught_makes_the_proof_invalid():
    blind = judge_control(felt(3.0, 140.0))
    assert blind.state == "INVALID"
    assert worst_state([LiveVerdict("x", "FAIL", "", ""), blind]) == "INVALID"


def test_a_build_too_short_to_tell_from_a_hiccup_is_not_judged():
    assert judge_stall("writers", felt(3.0, build_s=0.1)).state == "INCONCLUSIVE"
    assert judge_stall("writers", felt(99.0, build_s=0.1)).state == "INCONCLUSIVE"
    held_up = [99.0] * 40
    assert judge_p99("writers", felt(*held_up, build_s=0.1), felt(1.0)).state == "INCONCLUSIVE"
    assert judge_p99("writers", felt(*held_up, build_s=0.3), felt(1.0)).state == "FAIL"


def test_a_short_control_is_caught_all_the_same():
    assert judge_control(felt(3.0, 99.0, build_s=0.1)).state == "PASS"
    assert judge_control(felt(build_s=0.1)).state == "INVALID"


def test_no_request_during_a_build_never_passes():
    nobody = felt()
    assert judge_stall("readers", nobody).state == "INCONCLUSIVE"
    assert judge_p99("readers", nobody, felt(1.0)).state == "INCONCLUSIVE"
    assert judge_baseline("readers", nobody).state == "INCONCLUSIVE"
    assert judge_errors("readers", nobody).state == "INCONCLUSIVE"


def test_a_failed_request_fails_the_proof():
    assert judge_errors("writers", felt(1.0, errors=1)).state == "FAIL"
    assert judge_errors("writers", felt(1.0)).state == "PASS"


def test_a_machine_that_stalls_by_itself_is_no_baseline():
    assert judge_baseline("writers", felt(1.0, 400.0)).state == "INCONCLUSIVE"
    assert judge_baseline("writers", felt(1.0, errors=2)).state == "INCONCLUSIVE"
    assert judge_baseline("writers", felt(1.0, 40.0)).state == "PASS"


@given(st.integers(1, 3000), st.data())
def test_the_share_held_up_is_decided_by_the_exact_binomial_test(n, data):
    """Oracle: scipy's own binomial test, each side at 1 %."""
    held_up = data.draw(st.integers(0, min(n, 60)))
    response_ms = [400.0] * held_up + [1.0] * (n - held_up)
    verdict = judge_p99("writers", felt(*response_ms), felt(1.0))
    if binomtest(held_up, n, 0.01, alternative="less").pvalue <= 0.01:
        assert verdict.state == "PASS"
    elif binomtest(held_up, n, 0.01, alternative="greater").pvalue <= 0.01:
        assert verdict.state == "FAIL"
    else:
        assert verdict.state == "INCONCLUSIVE"


def test_everybody_who_wanted_something_while_the_build_ran_is_counted():
    """One before, one into the build, one within, one out of it that failed, one after."""
    failed = pack_code(0, ERROR)
    rows = [[0, 0, 9, 0], [5, 5, 12, 0], [13, 13, 14, 0], [18, 18, 30, failed], [21, 21, 22, 0]]
    samples = samples_from_rows("writers", ("insert",), ("",), np.array(rows, dtype=np.int64))
    found = felt_during(samples, 10, 20)
    assert (found.response_ms * 1e6).tolist() == [7, 1, 12]
    assert found.errors == 1
    both = pooled([found, found])
    assert len(both.response_ms) == 6
    assert both.errors == 2
