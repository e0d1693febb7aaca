"""Samples come out of the recorders as they went in, whoever recorded them."""

import tracemalloc
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.base.errors import UsageError
from tailguard.engine.recorder import ROW_BYTES, ErrorKinds, Recorder, merge
from tailguard.record.samples import (
    ERROR,
    MOST_ERRORS,
    MOST_RETRIES,
    MOST_STEPS,
    OK,
    OUTCOMES,
    Samples,
    pack_code,
)
from tailguard.record.samples.first_failure import MOST_SAID

pytestmark = pytest.mark.system

instants = st.integers(0, 2**62)
rows = st.lists(
    st.tuples(
        instants,
        instants,
        instants,
        st.integers(0, 1),
        st.integers(0, 2),
        st.integers(0, MOST_RETRIES),
        st.integers(0, 2),
    )
)
STEPS, KINDS = ("first", "second"), ("", "Refused", "DeadlockDetected (40P01)")


def record(of_rows) -> Recorder:
    recorder = Recorder()
    for intended, started, ended, step, outcome, retries, error in of_rows:
        recorder.append(intended, started, ended, pack_code(step, outcome, retries, error))
    return recorder


def columns(samples: Samples) -> list[tuple[int, ...]]:
    names = ("intended_ns", "started_ns", "ended_ns", "step", "outcome", "retries", "error")
    return [
        tuple(int(each) for each in row)
        for row in zip(*(getattr(samples, name) for name in names), strict=True)
    ]


@given(rows)
def test_every_field_of_every_sample_survives_ordered_by_intended_start(given_rows):
    samples = record(given_rows).samples("some", STEPS, KINDS)
    assert columns(samples) == sorted(given_rows, key=lambda row: row[0])


@given(st.lists(rows, max_size=4))
def test_merging_recorders_is_concatenating_their_samples(parts):
    merged = merge([record(part) for part in parts], "some", STEPS, KINDS)
    alone = record([row for part in parts for row in part]).samples("some", STEPS, KINDS)
    assert columns(merged) == columns(alone)


def test_a_sample_takes_at_most_32_bytes_reserve_included():
    recorder = Recorder()
    tracemalloc.start()
    for _ in range(20_000):
        recorder.append(1, 2, 3, 0)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(recorder) == 20_000
    assert 20_000 * ROW_BYTES <= held <= 20_000 * 32


def test_retries_beyond_what_is_kept_are_kept_as_the_most():
    assert (
        int(record([(1, 2, 3, 1, ERROR, 10**6, 2)]).samples("some", STEPS, KINDS).retries[0]) == MOST_RETRIES
    )


def test_a_recorder_can_be_read_while_its_worker_appends():
    recorder = Recorder()

    def work():
        for instant in range(20_000):
            recorder.append(instant, instant, instant, 0)

    worker = Thread(target=work)
    worker.start()
    while worker.is_alive():
        seen = recorder.rows()
        assert np.array_equal(seen[:, 0], np.arange(len(seen)))
    worker.join()
    assert len(recorder) == 20_000


def test_response_time_runs_from_the_intended_start_and_service_time_from_the_actual_one():
    samples = record([(0, 2_000_000, 3_000_000, 0, OK, 0, 0), (5, 6, 7, 0, ERROR, 0, 2)]).samples(
        "some", STEPS, KINDS
    )
    assert samples.response_ms("first").tolist() == [3.0]
    assert samples.service_ms("first").tolist() == [1.0]
    assert samples.response_ms("second").tolist() == []


def test_an_unknown_step_is_refused_by_name():
    with pytest.raises(UsageError, match="'some' has no step 'third'; it has first, second"):
        record([]).samples("some", STEPS, KINDS).response_ms("third")


def test_the_table_of_samples_has_names_instead_of_numbers():
    frame = record([(1, 2, 3, 1, ERROR, 4, 2)]).samples("some", STEPS, KINDS).frame()
    assert frame.to_dict("records") == [
        {
            "scenario": "some",
            "step": "second",
            "intended_ns": 1,
            "started_ns": 2,
            "ended_ns": 3,
            "outcome": OUTCOMES[ERROR],
            "error": "DeadlockDetected (40P01)",
            "retries": 4,
        }
    ]


def test_an_error_kind_keeps_its_number_and_none_is_number_0():
    kinds = ErrorKinds()
    assert [kinds.number(kind) for kind in ("A", "B", "A")] == [1, 2, 1]
    assert kinds.names() == ("", "A", "B")


def test_more_error_kinds_than_a_code_has_room_for_share_one():
    kinds = ErrorKinds()
    numbers = [kinds.number(f"Kind{number}") for number in range(MOST_ERRORS + 10)]
    assert max(numbers) == MOST_ERRORS - 1
    assert kinds.names()[-1] == "other"
    assert kinds.number("Kind0") == 1
    recorder = Recorder()
    recorder.append(1, 2, 3, pack_code(MOST_STEPS - 1, ERROR, MOST_RETRIES, MOST_ERRORS - 1))
    assert int(recorder.samples("some", STEPS, KINDS).error[0]) == MOST_ERRORS - 1


def test_what_first_failures_said_is_bounded_in_length_and_number():
    kinds = ErrorKinds()
    for number in range(ErrorKinds.MOST_FIRST + 10):
        kinds.number(f"Kind{number}", ValueError("x" * 10**6))
    assert len(kinds.first) == ErrorKinds.MOST_FIRST
    assert {len(said) for said in kinds.said().values()} == {MOST_SAID}
    assert len(kinds.names()) == ErrorKinds.MOST_FIRST + 11
