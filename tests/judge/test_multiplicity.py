"""Many objectives: any false FAIL of a run stays at alpha."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tailguard.judge.decision import judge_counts
from tailguard.judge.multiplicity import correct_fails, holm

p_lists = st.lists(st.floats(0, 1), max_size=20)


@given(p_lists, st.floats(0.001, 0.2))
def test_holm_agrees_with_adjusted_p_values(p_values, alpha):
    """Oracle: adjusted p of rank i = max over j <= i of (m - j + 1) p_(j), rejected if <= alpha."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.maximum.accumulate(np.array(p_values)[order] * np.arange(len(p_values), 0, -1))
    assume(not np.isclose(adjusted, alpha, rtol=1e-12).any())
    expected = dict(zip(order.tolist(), (adjusted <= alpha).tolist(), strict=True))
    assert holm(p_values, alpha) == [expected[i] for i in range(len(p_values))]


def test_any_false_alarm_among_15_true_objectives_stays_at_alpha():
    """Simulation of 20,000 families of uniform p-values: uncorrected 14 % would alarm, Holm at most 1 %."""
    p = np.random.default_rng(11).random((20_000, 15))
    assert (p.min(axis=1) <= 0.01).mean() > 0.1
    assert np.mean([any(holm(row, 0.01)) for row in p]) == pytest.approx(0.01, abs=0.0025)


def test_one_narrow_fail_among_many_becomes_inconclusive_and_says_why():
    """k = 40 of 500 fails a p95 alone (p = 0.003) but not among 14."""
    narrow, good = judge_counts(500, 40, 0.95), judge_counts(500, 5, 0.95)
    assert narrow.state == "FAIL"
    family = correct_fails([narrow, *[good] * 13])
    assert [v.state for v in family] == ["INCONCLUSIVE"] + ["PASS"] * 13
    assert "14 objectives" in family[0].why


def test_clear_fails_stand_and_a_family_never_makes_a_pass_dearer():
    """What is clearly over its limit fails beside any number of others."""
    bad, good = judge_counts(500, 400, 0.95), judge_counts(500, 5, 0.95)
    assert correct_fails([bad, *[good] * 99]) == [bad, *[good] * 99]


def test_an_empty_family_is_empty():
    """No verdicts, no correction."""
    assert correct_fails([]) == []
