"""Response times and recorded numbers in buckets: a quantile is read to 1 %, whatever the number of samples."""

import math
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


def value_buckets_of(values: NDArray[np.float64]) -> dict[int, int]:
    """Return how many recorded numbers lie in each bucket: 0 holds what is 0, `at` up to 1.01^(at - 1) millionths.

    The number of a bucket has the sign of its numbers.
    """
    size = np.ceil(np.log(np.maximum(np.abs(values) * 1e6, 1.0)) / log(WIDTH)).astype(int) + 1
    found, sizes = np.unique(size * np.sign(values).astype(int), return_counts=True)
    return dict(zip(found.tolist(), sizes.tolist(), strict=True))


def bucket_value(at: int) -> float:
    """Return the bound of a bucket of recorded numbers that lies further from 0."""
    return math.copysign(WIDTH ** (abs(at) - 1) / 1e6, at) if at else 0.0


def times_of(counters: Counters, scenario: str, step: str) -> dict[int, int]:
    """Return the ok samples of a step by bucket, the fastest first."""
    return _buckets(counters, "time", scenario, step)


def values_of(counters: Counters, scenario: str, name: str) -> dict[int, int]:
    """Return the numbers of a recorded metric by bucket, the lowest first."""
    return _buckets(counters, "value", scenario, name)


def at_rank(buckets: Mapping[int, int], rank: int) -> int:
    """Return the bucket that holds the sample of that rank, from 1."""
    seen = 0
    for at, n in buckets.items():
        seen += n
        if seen >= rank:
            return at
    raise ValueError(f"rank {rank} of {seen} samples")


def quantile_rank(n: int, q: float) -> int | None:
    """Return which of n samples, from 1, is a quantile; None if they are too few to have such a tail."""
    return ceil(round(n * q, 9)) if n * min(q, 1 - q) >= 1 - 1e-9 else None


def quantile_ms(times: Mapping[int, int], q: float) -> float | None:
    """Return a quantile, in ms; None if the samples are too few to have such a tail."""
    rank = quantile_rank(sum(times.values()), q)
    return None if rank is None else bucket_ms(at_rank(times, rank))


def _buckets(counters: Counters, kind: str, scenario: str, name: str) -> dict[int, int]:
    wanted = kind, scenario, name
    return dict(sorted((key.at, int(n)) for key, n in counters.items() if key[:3] == wanted))
