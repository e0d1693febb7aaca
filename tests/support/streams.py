"""Streams of latencies with a known limit ratio, of our own making: independent, autocorrelated, and in bursts.

Each is scaled so that its true q-quantile is r times the limit: r < 1 should PASS, r > 1 should FAIL.
"""

import numpy as np
from scipy.signal import lfilter


def independent(rng, n):
    """Lognormal, each sample for itself."""
    return rng.lognormal(0, 0.5, n)


def autocorrelated(rng, n):
    """AR(1) with 0.7 in the logarithm."""
    shocks = rng.normal(0, 0.5 * np.sqrt(1 - 0.7**2), n)
    shocks[0] = rng.normal(0, 0.5)
    return np.exp(lfilter([1], [1, -0.7], shocks))


def regime(rng, n):
    """A fast and a 1.6 times slower regime, which last 90 and 30 samples in the mean."""
    slow = np.zeros(n, bool)
    at, state = 0, rng.random() < 0.25
    while at < n:
        length = rng.geometric(1 / (30 if state else 90))
        slow[at : at + length] = state
        at, state = at + length, not state
    return rng.lognormal(0, 0.3, n) * np.where(slow, 1.6, 1.0)


def stalls(rng, n):
    """Every 220 samples in the mean the platform stands still for about 14, which wait for its end: 6 % of all."""
    extra = np.zeros(n)
    for start in np.flatnonzero(rng.random(n) < 1 / 220):
        length = rng.integers(6, 23)
        left = np.arange(min(length, n - start))
        extra[start : start + len(left)] = np.maximum(extra[start : start + len(left)], 0.5 * (length - left))
    return rng.lognormal(0, 0.3, n) + extra


def queue(rng, n):
    """M/G/1 at 70 % load (Lindley's recursion), begun in its stationary state: 2,000 customers before the first."""
    service = rng.lognormal(-0.125, 0.5, n + 2000)
    steps = np.concatenate([[0.0], service[:-1] - rng.exponential(1 / 0.7, n + 1999)])
    walk = np.cumsum(steps)
    waiting = walk - np.minimum.accumulate(np.minimum(walk, 0))
    return (waiting + service)[2000:]


STREAMS = {
    "independent": independent,
    "autocorrelated": autocorrelated,
    "regime": regime,
    "stalls": stalls,
    "queue": queue,
}


def true_quantile(stream, q):
    """The stationary quantile, from four million samples of another seed."""
    rng = np.random.default_rng(987)
    return np.quantile(np.concatenate([stream(rng, 200_000) for _ in range(20)]), q)
