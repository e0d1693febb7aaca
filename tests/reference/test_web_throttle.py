"""Request rates: lifted unless asked for, counted per caller in a sliding window."""

import pytest

from reference.web.throttle import Rate, RateError, Throttle


class FakeTime:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


def test_nothing_is_throttled_by_default():
    throttle = Throttle.from_environment({})
    assert [throttle.admit("user", "7") for _ in range(5000)] == [None] * 5000


def test_the_request_after_the_last_allowed_one_is_told_how_long_to_wait():
    time = FakeTime()
    throttle = Throttle({"user": Rate(3, 60)}, now_s=time)
    for _ in range(3):
        assert throttle.admit("user", "7") is None
        time.now_s += 10
    assert throttle.admit("user", "7") == 30, "the first of three left the window of 60 s after another 30 s"
    time.now_s += 30
    assert throttle.admit("user", "7") is None
    assert throttle.admit("user", "7") == 10


def test_callers_and_scopes_are_counted_apart():
    throttle = Throttle({"user": Rate(1, 60), "anon": Rate(1, 60)}, now_s=FakeTime())
    assert throttle.admit("user", "7") is None
    assert throttle.admit("user", "8") is None
    assert throttle.admit("anon", "7") is None
    assert throttle.admit("user", "7") is not None


def test_a_refused_request_does_not_prolong_the_wait():
    time = FakeTime()
    throttle = Throttle({"user": Rate(1, 60)}, now_s=time)
    throttle.admit("user", "7")
    time.now_s += 59
    assert throttle.admit("user", "7") == 1
    time.now_s += 1
    assert throttle.admit("user", "7") is None


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/hour", Rate(100, 3600)),
        ("90/min", Rate(90, 60)),
        (" 1000000/m ", Rate(1000000, 60)),
        ("5/s", Rate(5, 1)),
        ("2/day", Rate(2, 86400)),
    ],
)
def test_a_rate_is_read_as_the_real_platform_writes_it(text, rate):
    assert Rate.parse(text, "THROTTLE_USER_RATE") == rate


@pytest.mark.parametrize("text", ["", "off", "100", "0/min", "10/fortnight", "-1/min", "1.5/min"])
def test_a_rate_that_cannot_be_read_names_its_variable_and_value(text):
    with pytest.raises(RateError, match="THROTTLE_USER_RATE") as caught:
        Throttle.from_environment({"THROTTLE_USER_RATE": text})
    assert repr(text) in str(caught.value)


def test_long_gone_callers_are_forgotten(monkeypatch):
    monkeypatch.setattr("reference.web.throttle.CALLERS_KEPT", 10)
    throttle = Throttle({"user": Rate(1, 60)}, now_s=FakeTime())
    for caller in range(100):
        throttle.admit("user", str(caller))
    assert len(throttle._seen) == 10
