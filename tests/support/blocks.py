"""Blocks of a duet made by chance: what both sides of each pair measured."""

from collections.abc import Sequence

import numpy as np

from tailguard.record.samples import ERROR, OK, Samples

Blocks = list[dict[str, Samples]]


def samples(
    rng: np.random.Generator,
    *,
    level: float = 5.0,
    n: int = 200,
    errors: float = 0.0,
    failed: int = ERROR,
    slow_share: float = 0.0,
    slug: str = "registration",
    steps: tuple[str, ...] = ("register",),
) -> Samples:
    """One block of one scenario: lognormal latencies about `level` ms, some failing, some five times as slow."""
    ms = level * rng.lognormal(0, 0.3, n) * np.where(rng.random(n) < slow_share, 5.0, 1.0)
    outcome = np.where(rng.random(n) < errors, failed, 0).astype(np.uint8)
    started = np.arange(n, dtype=np.int64) * 10_000_000
    return Samples(
        slug, steps, ("", "Unavailable"), started, started, started + (ms * 1e6).astype(np.int64),
        np.zeros(n, np.uint8), outcome, (outcome != OK).astype(np.int32), np.zeros(n, np.int32),
    )  # fmt: skip


def blocks(
    seed: int | Sequence[int],
    pairs: int,
    slugs: Sequence[str] = ("registration",),
    *,
    factor: float = 1.0,
    n: int = 200,
    errors: float = 0.0,
    failed: int = ERROR,
    slow_share: float = 0.0,
) -> tuple[Blocks, Blocks]:
    """Pairs measured side by side: the machine's speed is the pair's, each process has 2 % of its own.

    The candidate is slower by `factor`; what else is told is of the candidate, too.
    """
    rng = np.random.default_rng(seed)
    baseline: Blocks = []
    candidate: Blocks = []
    for machine in 5 * np.exp(rng.normal(0, 0.05, pairs)):
        level = machine * np.exp(rng.normal(0, 0.02))
        baseline.append({slug: samples(rng, level=level, slug=slug) for slug in slugs})
        level = machine * np.exp(rng.normal(0, 0.02)) * factor
        candidate.append(
            {
                slug: samples(
                    rng, level=level, n=n, errors=errors, failed=failed, slow_share=slow_share, slug=slug
                )
                for slug in slugs
            }
        )
    return baseline, candidate
