"""How many samples a block of a duet needs: what fewer or more of them would have found in the same time.

`python -m benchmarks.duet_samples RUN [--fixed-s SECONDS]` reads the blocks of a duet with equal sides and takes the
first n samples of each. Their log-ratios, which hold what differs between processes and what the machine did meanwhile,
are the noise of simulated duets (`gate_quality`). A pair takes `fixed-s`, by default what this duet's took beside
measuring, and both sides' measuring. The duet needs more samples than usual, and a machine that does nothing else:
`tailguard duet --candidate-env TAILGUARD_FAULTS= --scenario registration --pairs 40 --set load.max_samples=400`.
"""

import argparse
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tailguard.compare.gate import log_ratios
from tailguard.compare.gate_quality import Noise, gate_quality
from tailguard.record.run import Run
from tailguard.record.samples.parquet import read_samples

SIZES = (40, 60, 80, 100, 130, 170, 220, 280, 340, 400)
MARGINS = {0.5: 0.05, 0.95: 0.10}  # of p50 and p95, as the suite's [gate] has them
Rows = list[NDArray[np.float64]]


def main() -> None:
    """Print a table per step: the spread of a pair, and the smallest slowdown that is found 90 % of the time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--fixed-s", type=float)
    options = parser.parse_args()
    record = Run.load(options.run).record
    assert record.duet is not None
    assert record.duet.time is not None
    pairs, time = len(record.duet.blocks), record.duet.time
    fixed_s = time.other_s / pairs if options.fixed_s is None else options.fixed_s
    blocks = [
        {side: read_samples(options.run / file) for side, file in block.files.items()}
        for block in record.duet.blocks
    ]
    first = blocks[0]["baseline"]
    taken = sum(len(samples) for side in blocks for each in side.values() for samples in each.values())
    sample_s = time.measuring_s / taken  # of one side, warm-up and hand-over included
    print(f"{pairs} pairs; {fixed_s:.2f} s a pair beside measuring, {sample_s * 1000:.2f} ms a sample")
    for name, samples in first.items():
        for step in samples.steps:
            a, b = (
                [block[side][name].response_ms(step) for block in blocks]
                for side in ("baseline", "candidate")
            )
            print(
                f"\n{name} {step}\n{'n':>4} {'s/pair':>7} {'pairs':>6}  {'spread of ln ratio':>20}  least found"
            )
            for line in _table(a, b, pairs, fixed_s, sample_s):
                print(line)


def _table(baseline: Rows, candidate: Rows, pairs: int, fixed_s: float, sample_s: float) -> Iterator[str]:
    shortest = min(map(len, [*baseline, *candidate]))
    sizes = [n for n in SIZES if n <= shortest]
    budget_s = pairs * (fixed_s + 2 * sizes[-1] * sample_s)
    for n in sizes:
        ratios = {
            f"p{q * 100:g}": log_ratios([row[:n] for row in baseline], [row[:n] for row in candidate], q)[0]
            for q in MARGINS
        }
        pair_s = fixed_s + 2 * n * sample_s
        within = int(budget_s / pair_s)
        spread = "  ".join(
            f"{name} {np.median(np.abs(d - np.median(d))) * 1.4826:.3f}" for name, d in ratios.items()
        )
        yield f"{n:>4} {pair_s:>7.2f} {within:>6}  {spread:>20}  {_found(ratios, within)}"


def _found(ratios: Mapping[str, NDArray[np.float64]], pairs: int) -> str:
    halves = {name: math.log1p(margin) / 2 for name, margin in zip(ratios, MARGINS.values(), strict=True)}
    quality = gate_quality(Noise(ratios, halves, len(ratios)), pairs)
    return (
        "  ".join(f"{name} {least:.1%}" for name, least in quality.least_seen.items())
        if quality
        else "too few pairs"
    )


if __name__ == "__main__":
    main()
