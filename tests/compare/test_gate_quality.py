"""The gate's own figures: they follow the noise that they are told of."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import wilcoxon

from tailguard.compare.gate_quality import Noise, gate_quality
from tailguard.compare.gate_sentences import quality_sentence


def noise(sd, pairs=40, names=3, metrics=None, margin=0.05):
    rng = np.random.default_rng(1)
    rows = {f"m{i}": rng.normal(0, sd, pairs) for i in range(names)}
    return Noise(rows, dict.fromkeys(rows, np.log1p(margin) / 2), metrics or names)


def test_quiet_pairs_find_ten_percent_and_raise_no_alarm():
    quality = gate_quality(noise(0.03), 40)
    assert quality.false_alarms <= 0.03 * quality.duets
    assert quality.found >= 0.95 * quality.duets
    assert quality.found_in <= 20


def test_noisy_pairs_find_little_and_still_raise_no_alarm():
    quality = gate_quality(noise(0.5), 20)
    assert quality.false_alarms <= 0.03 * quality.duets
    assert quality.found <= 0.2 * quality.duets
    assert min(quality.least_seen.values()) > 0.2


@pytest.mark.system
@pytest.mark.parametrize(("pairs", "metrics"), [(12, 4), (20, 4), (20, 23), (40, 4)])
def test_the_least_change_seen_is_found_nine_times_of_ten_by_the_gate_itself(pairs, metrics):
    """Oracle: scipy's exact signed-rank test, at Holm's first step among all metrics and a third of alpha a look."""
    told = noise(0.05, names=1, metrics=metrics)
    least = np.log1p(gate_quality(told, pairs).least_seen["m0"])
    centred = told.ratios["m0"] - np.median(told.ratios["m0"])
    rng = np.random.default_rng(7)
    draws = [rng.choice(centred, pairs) * rng.choice([-1.0, 1.0], pairs) for _ in range(400)]
    for shift, low, high in ((least, 0.84, 0.96), (least / 2, 0.0, 0.75)):
        found = [_found(row + shift, metrics) for row in draws]
        assert low <= np.mean(found) <= high


def _found(row, metrics):
    return wilcoxon(row, alternative="greater", method="exact").pvalue <= 0.01 / 3 / metrics


def test_more_metrics_and_fewer_pairs_find_less():
    found = [
        gate_quality(noise(0.05, names=1, metrics=m), n).least_seen["m0"]
        for n, m in ((40, 4), (40, 23), (13, 23))
    ]
    assert found == sorted(found)


def test_no_change_is_found_that_is_less_than_half_the_margin():
    assert gate_quality(noise(0.0001, names=1), 40).least_seen["m0"] == pytest.approx(1.05**0.5 - 1, rel=0.01)


def test_a_true_slowdown_in_the_pairs_is_not_taken_for_noise():
    """The centre is taken away first: what the duet found does not raise its own false alarms."""
    quiet = noise(0.03)
    slow = replace(quiet, ratios={name: row + 0.5 for name, row in quiet.ratios.items()})
    assert gate_quality(slow, 40).false_alarms <= 6


def test_too_few_pairs_have_nothing_to_say():
    assert gate_quality(noise(0.05, pairs=8), 40) is None
    assert gate_quality(noise(0.05, metrics=23), 12) is None
    assert gate_quality(Noise({}, {}, 4), 40) is None


def test_the_sentence_says_all_three():
    sentence = quality_sentence(gate_quality(noise(0.03), 20))
    assert "false alarms" in sentence
    assert "10 % in one metric found" in sentence
    assert "found 90 % of the time" in sentence
