"""Blocks of a duet made by chance: what both sides of each pair measured."""

import numpy as np

from tailguard.record.samples import Samples


def samples(rng, *, level=5.0, n=200, errors=0.0, slow_share=0.0, slug="registration", steps=("register",)):
    """One block of one scenario: lognormal latencies about `level` ms, some failing, some five times as slow."""
    ms = level * rng.lognormal(0, 0.3, n) * np.where(rng.random(n) < slow_share, 5.0, 1.0)
    outcome = np.where(rng.random(n) < errors, 2, 0).astype(np.uint8)
    started = np.arange(n, dtype=np.int64) * 10_000_000
    return Samples(
        slug, steps, ("", "Unavailable"), started, started, started + (ms * 1e6).astype(np.int64),
        np.zeros(n, np.uint8), outcome, (outcome == 2).astype(np.int32), np.zeros(n, np.int32),
    )  # fmt: skip


def blocks(seed, pairs, slugs=("registration",), **candidate):
    """Pairs measured side by side: the machine's speed is the pair's, each process has 2 % of its own."""
    rng = np.random.default_rng(seed)
    sides = ([], [])
    for machine in 5 * np.exp(rng.normal(0, 0.05, pairs)):
        for side, worse in zip(sides, ({}, candidate), strict=True):
            level = machine * np.exp(rng.normal(0, 0.02)) * worse.get("factor", 1.0)
            rest = {name: value for name, value in worse.items() if name != "factor"}
            side.append({slug: samples(rng, level=level, slug=slug, **rest) for slug in slugs})
    return sides
