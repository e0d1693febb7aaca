"""A worker that had no time for its users says so, by name."""

import time

import pytest
from msgspec.structs import replace

from tailguard.locust.master.worker_doubts import GRAVE_MEDIAN_MS, WARN_P99_MS, doubts_of_workers
from tailguard.locust.worker.load import LoadWatch
from tailguard.record.environment import MachineReading
from tailguard.record.locust import CoreUse, WakeLateness, WorkerLoad

QUIET = WorkerLoad(
    late_ms=WakeLateness(p50=0.5, p99=2.0, max=9.0),
    core=CoreUse(mean=0.3, full=0.0),
    reading=MachineReading(
        watched_s=30.0,
        busy=0.4,
        foreign=0.1,
        steal=0.0,
        waiting=0.1,
        gc_longest_ms=1.0,
        gc_share=0.001,
        lag_ms=5.0,
        clock_jump_ms=0.0,
    ),
)


def load(**changed):
    parts = {name: replace(getattr(QUIET, name), **values) for name, values in changed.items()}
    return replace(QUIET, **parts)


def kinds(loads):
    return {doubt.kind: doubt for doubt in doubts_of_workers(loads)}


def test_quiet_workers_raise_no_doubt():
    assert doubts_of_workers({"a": load(), "b": load(), "gone": None}) == []


def test_a_saturated_worker_is_named_and_the_others_are_not():
    found = kinds({"a": load(), "b": load(core={"mean": 0.97, "full": 0.8})})
    assert list(found) == ["saturated_worker"]
    assert found["saturated_worker"].measured.startswith("worker b: its process kept its core 90 % busy")


@pytest.mark.parametrize(
    ("late_ms", "grade"),
    [
        ({"p99": WARN_P99_MS * 1.1}, "warn"),
        ({"p50": GRAVE_MEDIAN_MS * 1.1, "p99": 40.0}, "grave"),
    ],
)
def test_a_late_loop_is_a_doubt_and_a_grave_one_once_every_wake_up_is_late(late_ms, grade):
    assert kinds({"a": load(late_ms=late_ms)})["late_event_loop"].grade == grade


def test_of_several_workers_the_worst_speaks_for_all():
    found = kinds(
        {"a": load(late_ms={"p99": 20.0}), "b": load(late_ms={"p50": 9.0, "p99": 50.0}), "c": load()}
    )
    assert found["late_event_loop"].grade == "grave"
    assert found["late_event_loop"].measured.startswith("worker b: ")
    assert "so on 2 of 3 workers, a too" in found["late_event_loop"].measured


def test_what_the_machine_did_to_a_worker_is_told_as_of_any_run():
    found = kinds({"a": load(), "b": load(reading={"waiting": 0.95, "foreign": 0.7})})
    assert found["starved_generator"].grade == "grave"
    assert found["starved_generator"].measured.startswith("worker b: our threads queued")


@pytest.mark.system
def test_the_time_of_its_cores_that_a_worker_uses_is_told():
    watch = LoadWatch()
    watch.start()
    began_s, used_s = time.monotonic(), time.process_time()
    while time.process_time() - used_s < 1.2:
        pass
    took_s, used_s = time.monotonic() - began_s, time.process_time() - used_s
    watch.stop()
    watch.stop()
    told = watch.told()
    # However many others want the cores: what we had of them.
    assert told.core.mean == pytest.approx(used_s / took_s, rel=0.2)
    assert told.late_ms.p50 > 0.0
    assert told.reading.watched_s == pytest.approx(took_s, rel=0.5)


def test_what_was_never_watched_tells_nothing():
    assert LoadWatch().told() is None
