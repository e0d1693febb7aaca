"""A rate is a text that a scenario or a flag states; what it cannot mean is refused with the forms that it can have."""

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.stated_load import read_think, stated_load, stated_rate, stated_seconds


@pytest.mark.parametrize(
    ("rate", "load"),
    [
        ("50/s", {"schedule": "poisson", "rate_per_s": 50.0}),
        (" 0.5/s ", {"schedule": "poisson", "rate_per_s": 0.5}),
        ("constant 50/s", {"schedule": "constant", "rate_per_s": 50.0}),
        ("ramp 10/s to 200/s", {"schedule": "ramp", "rate_per_s": 10.0, "to_rate_per_s": 200.0}),
        ("50/s for 10s, 100/s for 20s", {"schedule": "steps", "steps": ["50/s for 10s", "100/s for 20s"]}),
    ],
)
def test_a_rate_says_how_arrivals_are_spaced(rate, load):
    assert stated_rate(rate) == load


@pytest.mark.parametrize("rate", ["50", "fast", "-1/s", "1.2.3/s", "50/s for 10", "ramp 10/s", "1e9/s", "/s"])
def test_what_is_not_a_rate_is_refused_with_the_forms(rate):
    with pytest.raises(UsageError, match=r"is not valid: write it as '50/s', 'constant 50/s'"):
        stated_rate(rate)


def test_without_a_rate_the_model_is_closed_with_one_user_unless_more_are_stated():
    assert stated_load("", 0) == {"schedule": "closed", "workers": 1}
    assert stated_load("", 5) == {"schedule": "closed", "workers": 5}
    assert stated_load("50/s", 64) == {"schedule": "poisson", "rate_per_s": 50.0, "workers": 64}


def test_a_duration_has_seconds_minutes_or_hours():
    assert [stated_seconds(text) for text in ("30", "30s", "1.5m", "2h")] == [30, 30, 90, 7200]
    with pytest.raises(UsageError, match="write it as 30s, 2m or 1h"):
        stated_seconds("half an hour")


def test_users_of_a_closed_model_may_think_for_a_time_or_between_two():
    assert stated_load("", 5, "1s") == {"schedule": "closed", "workers": 5, "think": "1s"}
    assert [read_think(text) for text in ("1s", "0.5s to 2s")] == [(1, 1), (0.5, 2)]


def test_what_is_not_a_think_time_or_stands_beside_a_rate_is_refused():
    with pytest.raises(UsageError, match="think '1-3' is not a time: write it as '1s' or '1s to 3s'"):
        stated_load("", 5, "1-3")
    with pytest.raises(UsageError, match=r"think '1s' beside rate '50/s': .* leave one out"):
        stated_load("50/s", 5, "1s")
