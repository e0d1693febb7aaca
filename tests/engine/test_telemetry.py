"""The machine is watched while we measure."""

import gc
import time
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.engine.telemetry import Telemetry


def test_a_watched_stretch_says_how_long_it_was_and_how_busy_the_cores():
    with Telemetry() as telemetry:
        time.sleep(0.05)
    reading = telemetry.reading()
    assert 0.04 < reading.watched_s < 30
    assert 0 <= reading.busy <= 1
    assert 0 <= reading.steal <= 1
    assert reading.waiting is None or 0 <= reading.waiting <= 1
    assert reading.clock_jump_ms >= 0


def test_collections_are_timed_and_the_collector_is_left_as_it_was():
    before = list(gc.callbacks)
    with Telemetry() as telemetry:
        gc.collect()
    reading = telemetry.reading()
    assert reading.gc_longest_ms > 0
    assert 0 < reading.gc_share <= 1
    assert gc.callbacks == before


def test_an_interpreter_that_nobody_else_gets_shows_as_lag():
    before = time.monotonic()
    sum(range(2_000_000))
    numbers = int(2_000_000 * 0.7 / (time.monotonic() - before))
    with Telemetry() as telemetry:
        sum(range(numbers))  # one call that holds the interpreter for about 0.7 s
    assert telemetry.reading().lag_ms > 20


@pytest.mark.parametrize("cores", [(0,), None])
def test_some_cores_or_all_of_them_can_be_watched(cores):
    with Telemetry(cores) as telemetry:
        pass
    assert 0 <= telemetry.reading().busy <= 1


@given(
    busy_s=st.floats(0, 1e6),
    idle_s=st.floats(0, 1e6),
    worked_s=st.sampled_from([0.0, 0.01]),
    rested_s=st.sampled_from([0.0, 0.01, 0.02]),
)
def test_a_share_of_the_machine_is_a_share_however_long_it_has_been_up(busy_s, idle_s, worked_s, rested_s):
    looks = iter([(busy_s, idle_s), (busy_s + worked_s, idle_s + rested_s)])

    def cpu_times(percpu):
        user, idle = next(looks)
        return [SimpleNamespace(_fields=("user", "idle"), user=user, idle=idle)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psutil, "cpu_times", cpu_times)
        with Telemetry() as telemetry:
            pass
        assert 0 <= telemetry.reading().busy <= 1
