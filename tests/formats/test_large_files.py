"""A file of 20 million samples: judged in some seconds of one core, and within 1.5 GB."""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.proof

SAMPLES = 20_000_000


def encoded(codes, labels):
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(labels))


def test_twenty_million_samples_of_ours_are_judged_in_seconds_and_bounded_memory(tmp_path):
    """Seconds of the processor, so that other work on the machine does not count."""
    path = tmp_path / "samples.parquet"
    none = np.zeros(SAMPLES, np.int8)
    starts = np.arange(SAMPLES, dtype=np.int64) * 50_000
    took = (np.random.default_rng(1).lognormal(2, 0.4, SAMPLES) * 1e6).astype(np.int64)
    table = {
        "scenario": encoded(none, ["cart"]),
        "step": encoded(none, ["read"]),
        "intended_ns": starts,
        "started_ns": starts,
        "ended_ns": starts + took,
        "outcome": encoded((np.arange(SAMPLES) % 1000 == 0).astype(np.int8), ["ok", "error"]),
    }
    pq.write_table(pa.table(table), path, compression="zstd")
    command = [sys.executable, "-m", "tailguard", "judge", str(path), "--objective", "p95<=50ms"]
    child = os.posix_spawn(sys.executable, command, os.environ)
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert usage.ru_utime + usage.ru_stime < 5
    gigabyte = 1 << (30 if sys.platform == "darwin" else 20)  # Linux counts in KiB, macOS in bytes
    assert usage.ru_maxrss / gigabyte < 1.5
