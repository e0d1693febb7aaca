"""The gate's own figures: they follow the noise that they are told of."""

import numpy as np
import pytest

from tailguard.compare.gate_quality import gate_quality, quality_sentence


def ratios(sd, pairs=40, metrics=3, seed=1):
    rng = np.random.default_rng(seed)
    return {f"m{i}": rng.normal(0, sd, pairs) for i in range(metrics)}


def test_quiet_pairs_find_ten_percent_and_raise_no_alarm():
    quality = gate_quality(ratios(0.03), 40)
    assert quality.false_alarms <= 0.03 * quality.duets
    assert quality.found >= 0.95 * quality.duets
    assert quality.found_in <= 20


def test_noisy_pairs_find_little_and_still_raise_no_alarm():
    quality = gate_quality(ratios(0.5), 20)
    assert quality.false_alarms <= 0.03 * quality.duets
    assert quality.found <= 0.2 * quality.duets
    assert min(quality.least_seen.values()) > 0.2


def test_the_least_change_seen_is_that_of_the_plan():
    """n = (3.6 SD / ln(1 + x))^2, solved for x."""
    rows = ratios(0.05)
    quality = gate_quality(rows, 40)
    expected = np.expm1(3.6 * rows["m0"].std(ddof=1) / np.sqrt(40))
    assert quality.least_seen["m0"] == pytest.approx(expected)


def test_a_true_slowdown_in_the_pairs_is_not_taken_for_noise():
    """The centre is taken away first: what the duet found does not raise its own false alarms."""
    slow = {name: row + 0.5 for name, row in ratios(0.03).items()}
    assert gate_quality(slow, 40).false_alarms <= 6


def test_too_few_pairs_have_nothing_to_say():
    assert gate_quality(ratios(0.05, pairs=8), 40) is None
    assert gate_quality({}, 40) is None


def test_the_sentence_says_all_three():
    sentence = quality_sentence(gate_quality(ratios(0.03), 20))
    assert "false alarms" in sentence
    assert "10% in one metric found" in sentence
    assert "seen 90 % of the time" in sentence
