"""How long a statement takes on a larger table, beside scipy's own straight line."""

import pytest
from scipy.stats import linregress, t

from tailguard.judge.proof.prediction import CONFIDENCE, predicted

ROWS = [20_000, 20_000, 50_000, 50_000, 100_000, 100_000]
SECONDS = [0.21, 0.19, 0.52, 0.5, 1.01, 0.97]


def test_the_prediction_and_its_interval_are_those_of_least_squares():
    found = predicted(ROWS, SECONDS, 1_000_000)
    fit = linregress(ROWS, SECONDS)
    # By the textbook's other form: the errors of slope and intercept, which are correlated by the mean of the rows.
    mean = sum(ROWS) / len(ROWS)
    at_mean = (fit.intercept_stderr**2 - fit.stderr**2 * mean**2) ** 0.5
    error = (at_mean**2 + (fit.stderr * (1_000_000 - mean)) ** 2) ** 0.5
    reach = t.ppf((1 + CONFIDENCE) / 2, len(ROWS) - 2) * error
    middle = fit.intercept + fit.slope * 1_000_000
    assert found is not None
    assert (found.low_s, found.seconds, found.high_s) == pytest.approx(
        (middle - reach, middle, middle + reach)
    )


def test_no_time_is_predicted_to_be_shorter_than_that_of_the_largest_table_tried():
    falling = predicted(ROWS, SECONDS[::-1], 1_000_000)
    assert falling is not None
    assert falling.low_s == falling.seconds == pytest.approx(0.2)


def test_two_sizes_are_too_few():
    assert predicted(ROWS[:4], SECONDS[:4], 1_000_000) is None
