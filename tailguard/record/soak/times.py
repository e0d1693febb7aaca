"""Response times counted in buckets: a quantile is read to 1 %, whatever the number of samples."""

from collections.abc import Mapping
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

from tailguard.record.soak.segments import Counters

# Each bucket is this much wider than the one before.
WIDTH = 1.01


def buckets_of(times_ms: NDArray[np.float64]) -> dict[int, int]:
    """Return how many of the times lie in each bucket: the number `at` holds times up to 1.01^at ns."""
    at = np.ceil(np.log(np.maximum(times_ms * 1e6, 1.0)) / log(WIDTH)).astype(int)
    found, sizes = np.unique(at, return_counts=True)
    return dict(zip(found.tolist(), sizes.tolist(), strict=True))


def bucket_ms(at: int) -> float:
    """Return the upper bound of a bucket, in ms."""
    return float(WIDTH**at / 1e6)


def times_of(counters: Counters, scenario: str, step: str) -> dict[int, int]:
    """Return the ok samples of a step by bucket, the fastest first."""
    found = {
        key.at: int(n)
        for key, n in counters.items()
        if (key.kind, key.scenario, key.name) == ("time", scenario, step)
    }
    return dict(sorted(found.items()))


def at_rank(times: Mapping[int, int], rank: int) -> float:
    """Return the upper bound, in ms, of the bucket that holds the sample of that rank, from 1."""
    seen = 0
    for at, n in times.items():
        seen += n
        if seen >= rank:
            return bucket_ms(at)
    raise ValueError(f"rank {rank} of {seen} samples")


def quantile_ms(times: Mapping[int, int], q: float) -> float | None:
    """Return a quantile, in ms; None if the samples are too few to have such a tail."""
    n = sum(times.values())
    return at_rank(times, ceil(round(n * q, 9))) if n * min(q, 1 - q) >= 1 - 1e-9 else None
