"""Numbers read as people expect them, in one fitting unit, and never claim another value."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.base import text_format as tf

TIMES = "\N{MULTIPLICATION SIGN}"
UNIT_MS = {"µs": 1e-3, "ms": 1.0, "s": 1e3}


@pytest.mark.parametrize(
    ("function", "value", "shown"),
    [
        (tf.duration_ms, 0.0123, "12.3 µs"),
        (tf.duration_ms, 0.9996, "1 ms"),
        (tf.duration_ms, 0, "0 ms"),
        (tf.duration_ms, 4.5678, "4.57 ms"),
        (tf.duration_ms, 215, "215 ms"),
        (tf.duration_ms, 999.4, "999 ms"),
        (tf.duration_ms, 999.6, "1 s"),
        (tf.duration_ms, 125_000, "2 min 5 s"),
        (tf.duration_ms, -2.5, "-2.5 ms"),
        (tf.duration_s, 0.0712, "71.2 ms"),
        (tf.duration_s, 99.96, "1 min 40 s"),
        (tf.duration_s, 3720, "1 h 2 min"),
        (tf.limit_ms, 215.0, "215 ms"),
        (tf.limit_ms, 5000.0, "5000 ms"),
        (tf.limit_ms, 0.5, "0.5 ms"),
        (tf.limit_ms, 1234.5678, "1234.5678 ms"),
        (tf.ratio, 0, "0 %"),
        (tf.ratio, 0.00421, "0.421 %"),
        (tf.ratio, 1, "100 %"),
        (tf.ratio, 0.999761, "99.976 %"),
        (tf.ratio, 0.99951, "99.951 %"),
        (tf.ratio, 0.9994, "99.9 %"),
        (tf.ratio, 1.004, "100 %"),
        (tf.times, 102.4, "102" + TIMES),
        (tf.times, 1.05, "1.05" + TIMES),
        (tf.times, float("inf"), tf.ABSENT),
        (tf.count, 68726, "68,726"),
        (tf.byte_size, 0, "0 B"),
        (tf.byte_size, 65536, "64 KiB"),
        (tf.byte_size, 2949120, "2.81 MiB"),
        (tf.byte_size, 1024 * 1023.9, "1 MiB"),
        (tf.significant, 0.04167, "0.0417"),
        (tf.significant, 4560.4, "4,560"),
        (tf.significant, -12.34, "-12.3"),
    ],
)
def test_a_number_reads_as_expected(function, value, shown):
    assert function(value) == shown


@pytest.mark.parametrize(
    "function", [tf.duration_ms, tf.duration_s, tf.ratio, tf.times, tf.count, tf.byte_size]
)
def test_what_is_absent_is_shown_as_absent(function):
    assert function(None) == tf.ABSENT


@pytest.mark.parametrize("function", [tf.duration_ms, tf.duration_s, tf.ratio, tf.times])
def test_nan_is_absent(function):
    assert function(float("nan")) == tf.ABSENT


@settings(deadline=None)  # a busy machine is not a failure
@given(st.floats(1e-4, 99_000))
def test_a_shown_duration_is_the_value_within_its_three_digits(value_ms):
    number, unit = tf.duration_ms(value_ms).split(" ")
    shown_ms = float(number) * UNIT_MS[unit]
    assert shown_ms == pytest.approx(value_ms, rel=5.1e-3)
    assert len(re.sub(r"^0\.0*|\D", "", number)) <= 3
