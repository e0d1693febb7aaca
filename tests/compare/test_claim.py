"""A claimed gain is confirmed only if it is that large, and refuted only if it is less: each error in 1 % at most."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.base.state import State
from tailguard.compare.claim import compare_sides, judge_claim
from tailguard.compare.gate_sentences import claim_sentence
from tailguard.record.duet import Claim
from tailguard.record.objective import Margin, Margins
from tests.support.blocks import blocks

CLAIM = Claim(
    title="A cache", scenario="registration", step="register", q=0.95, change=-0.6, source="a report"
)
MARGINS = Margins(quantiles=(Margin(q=0.5, most=0.05), Margin(q=0.95, most=0.1)), floor_ms=0.1)
DUETS, PAIRS, NOISE = 2000, 40, 0.1


def pairs_at(change: float, seed: int, pairs: int = PAIRS) -> np.ndarray:
    return math.log1p(change) + np.random.default_rng(seed).normal(0, NOISE, pairs)


@pytest.mark.parametrize(
    ("true", "state", "words"),
    [
        (-0.70, State.PASS, "CONFIRMED"),
        (-0.40, State.FAIL, "REFUTED: better, but less than claimed"),
        (0.0, State.FAIL, "REFUTED: not shown to be better at all"),
        (0.3, State.FAIL, "REFUTED: worse, not better"),
        (-0.6, State.INCONCLUSIVE, "UNDECIDED"),
    ],
)
def test_the_answer_and_its_words_follow_the_true_gain(true: float, state: State, words: str) -> None:
    found = judge_claim(pairs_at(true, seed=5), -0.6)
    assert (found.state, words in found.why) == (state, True), found.why


def test_at_a_gain_of_just_the_claim_neither_answer_is_given_more_often_than_stated() -> None:
    states = [judge_claim(pairs_at(-0.6, seed), -0.6).state for seed in range(DUETS)]
    for wrong in (State.PASS, State.FAIL):
        assert states.count(wrong) <= 0.01 * DUETS + 3 * math.sqrt(0.01 * DUETS)


@given(st.lists(st.floats(-3, 1), min_size=1, max_size=40), st.floats(-0.9, -0.05))
def test_it_is_confirmed_exactly_if_its_upper_bound_keeps_the_claim(d: list[float], claimed: float) -> None:
    found = judge_claim(np.array(d), claimed)
    assert (found.state is State.PASS) == (found.high <= found.margin)
    assert (found.state is State.FAIL) == (found.low > found.margin)


def test_beside_the_claim_only_errors_are_judged_and_other_times_are_watched() -> None:
    found = compare_sides(*blocks(3, 20, factor=0.3), MARGINS, CLAIM)
    judged = {each.name: each.state for each in found if each.gated}
    assert judged == {
        f"{claim_sentence(CLAIM)} against the baseline": State.PASS,
        "registration errors and refusals against the baseline": State.PASS,
    }
    assert claim_sentence(CLAIM) == "registration p95 of register at least 60 % less"
    assert {each.q for each in found if not each.gated} == {0.5, 0.99}


def test_a_step_that_nobody_measured_is_no_confirmation() -> None:
    before, after = blocks(3, 20, factor=0.3)
    missing = Claim(title="", scenario="registration", step="search", q=0.95, change=-0.6, source="")
    [claim, *_] = compare_sides(before, after, MARGINS, missing)
    assert claim.state is State.INVALID
