"""Millions of samples are summed up without a second copy of them in memory."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from tailguard.engine.summary import summarise
from tailguard.record.samples import Samples

N = 1_000_000


@pytest.fixture(scope="module")
def samples() -> Samples:
    begun = np.arange(N, dtype=np.int64) * 1_000_000
    ended = begun + np.random.default_rng(1).integers(1, 10**8, N)
    none, some = np.zeros(N, np.uint8), np.zeros(N, np.int32)
    return Samples("upload", ("put",), ("",), begun, begun, ended, none, none, some, some)


def bytes_of(samples: Samples) -> int:
    columns = ("intended_ns", "started_ns", "ended_ns", "step", "outcome", "error", "retries")
    return sum(getattr(samples, name).nbytes for name in columns)


def peak_of(work: Callable[[], object]) -> int:
    """Return the most bytes that Python and NumPy held at once beyond those of before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_summing_up_takes_little_more_than_half_of_what_the_samples_take(samples: Samples) -> None:
    assert peak_of(lambda: summarise(samples)) < 0.6 * bytes_of(samples)
