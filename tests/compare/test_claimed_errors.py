"""Errors are said to become fewer: confirmed only if they are as few as claimed, refuted only if they are not.

Errors come in bursts: what one request meets the next one meets, too. So pairs of blocks are counted, not requests.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.base.state import State
from tailguard.compare.claim import SIGN_RULE, compare_sides, judge_rates
from tailguard.compare.gate_sentences import claim_sentence
from tailguard.record.duet import Claim
from tailguard.record.objective import Margin, Margins
from tailguard.report.views import change_view
from tests.support.blocks import Blocks, blocks

CLAIM = Claim(title="A pooler", scenario="registration", step="", q=None, change=-0.4, source="a report")
MARGINS = Margins(quantiles=(Margin(q=0.5, most=0.05),), floor_ms=0.1)
DUETS, PAIRS, REQUESTS = 600, 40, 500
Rates = tuple[np.ndarray, np.ndarray]


def storms(rng: np.random.Generator, left: float) -> Rates:
    """Most requests fail, and how many is the pair's own; of the candidate's, the share `left`."""
    share = rng.uniform(0.3, 0.6, PAIRS)
    return rng.binomial(REQUESTS, share) / REQUESTS, rng.binomial(REQUESTS, left * share) / REQUESTS


def bursts(rng: np.random.Generator, left: float) -> Rates:
    """Each side of each pair has bursts of its own, of 2 % on average."""
    shares = (rng.beta(50 * mean, 50 * (1 - mean), PAIRS) for mean in (0.02, left * 0.02))
    a, b = (rng.binomial(REQUESTS, share) / REQUESTS for share in shares)
    return a, b


def rare(rng: np.random.Generator, left: float) -> Rates:
    """One error in two blocks."""
    return rng.poisson(0.5, PAIRS) / REQUESTS, rng.poisson(0.5 * left, PAIRS) / REQUESTS


@pytest.mark.parametrize("errors", [storms, bursts, rare])
def test_at_just_the_claim_neither_answer_is_given_more_often_than_stated(
    errors: Callable[..., Rates],
) -> None:
    states = [judge_rates(*errors(np.random.default_rng(seed), 0.6), -0.4).state for seed in range(DUETS)]
    for wrong in (State.PASS, State.FAIL):
        assert states.count(wrong) <= 0.01 * DUETS + 3 * math.sqrt(0.01 * DUETS)


@pytest.mark.parametrize(
    ("left", "state", "words"),
    [
        (0.1, State.PASS, "CONFIRMED"),
        (0.85, State.FAIL, "REFUTED: better, but less than claimed"),
        (1.0, State.FAIL, "REFUTED: not shown to be better at all"),
        (1.6, State.FAIL, "REFUTED: worse, not better"),
        (0.6, State.INCONCLUSIVE, "UNDECIDED"),
    ],
)
def test_the_answer_and_its_words_follow_the_true_gain(left: float, state: State, words: str) -> None:
    found = judge_rates(*storms(np.random.default_rng(5), left), -0.4)
    assert (found.state, words in found.why) == (state, True), found.why


def test_ten_pairs_without_an_error_in_the_candidate_are_enough() -> None:
    found = judge_rates(np.full(10, 0.5), np.zeros(10), -0.4)
    assert (found.state, found.high, found.pairs) == (State.PASS, 0.0, 10)


def test_thousands_of_pairs_are_decided_too() -> None:
    rates = np.tile([0.1, 0.2], 5000)
    assert judge_rates(rates, 0.6 * rates[::-1], -0.4).state is State.INCONCLUSIVE
    assert judge_rates(rates, 0.2 * rates, -0.4).state is State.PASS


def test_where_nothing_fails_nothing_can_become_fewer() -> None:
    found = judge_rates(np.zeros(40), np.zeros(40), -0.4)
    assert (found.state, found.why.endswith("UNDECIDED, as nothing failed")) == (State.INCONCLUSIVE, True)


def test_errors_that_only_the_candidate_has_refute_it() -> None:
    assert judge_rates(np.zeros(20), np.full(20, 0.1), -0.4).state is State.FAIL


def test_a_rare_bad_block_forbids_to_confirm_what_the_other_pairs_show() -> None:
    after = np.where(np.arange(40) % 10 == 9, 1.0, 0.0)
    found = judge_rates(np.full(40, 0.1), after, -0.4)
    assert (found.state, found.high) == (State.INCONCLUSIVE, 0.0)


COUNT = st.integers(0, REQUESTS)


@given(st.lists(st.tuples(COUNT, COUNT), min_size=1, max_size=40), st.floats(-0.9, -0.05))
def test_no_answer_contradicts_its_bounds_or_the_rates_shown(
    pairs: list[tuple[int, int]], claimed: float
) -> None:
    a, b = np.array(pairs).T / REQUESTS
    found = judge_rates(a, b, claimed)
    a, b = a[: found.pairs].mean(), b[: found.pairs].mean()
    assert (found.state is State.PASS) == (found.high < found.margin and b < found.margin * a)
    assert (found.state is State.FAIL) == (found.low > found.margin and b > found.margin * a)


def failing(share: float, seed: int) -> Blocks:
    return blocks(seed, 20, errors=share)[1]


@pytest.mark.parametrize(("left", "state"), [(0.1, State.PASS), (0.5, State.FAIL)])
def test_of_the_blocks_of_a_duet_the_claim_alone_is_judged_and_said_as_a_share(
    left: float, state: State
) -> None:
    found = compare_sides(failing(0.5, 1), failing(left, 2), MARGINS, CLAIM)
    [judged] = [each for each in found if each.gated]
    assert (judged.state, judged.rule, judged.name) == (
        state, SIGN_RULE, f"{claim_sentence(CLAIM)} against the baseline"
    )  # fmt: skip
    assert claim_sentence(CLAIM) == "registration errors and refusals at least 40 % less"
    assert change_view.signed(judged, judged.change).endswith("%")
    assert judged.baseline == pytest.approx(0.5, abs=0.05)
    assert {each.q for each in found if not each.gated} == {0.5, 0.99}


def test_a_scenario_that_a_side_lacks_is_no_confirmation() -> None:
    [claim, *_] = compare_sides(failing(0.5, 1), [{} for _ in range(20)], MARGINS, CLAIM)
    assert claim.state is State.INVALID
