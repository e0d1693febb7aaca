"""Student's distribution by its finite sums, held against scipy's."""

import pytest
from scipy.special import stdtr, stdtrit

from tailguard.compare.series.student import errors_of_interval, two_sided_p

FREEDOMS = (1, 2, 3, 4, 5, 28, 29, 58, 500, 999)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("t", [0.0, -0.1, 1.0, 2.58, -5.0, 40.0])
def test_the_probability_is_that_of_scipy(t: float, freedom: int) -> None:
    assert two_sided_p(t, freedom) == pytest.approx(2 * stdtr(freedom, -abs(t)), rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_the_interval_is_that_of_scipy(confidence: float, freedom: int) -> None:
    assert errors_of_interval(confidence, freedom) == pytest.approx(stdtrit(freedom, (1 + confidence) / 2))
