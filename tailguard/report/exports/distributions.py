"""What the formats share: the ok latencies of each step of a run."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.record.run import Run


@dataclass(frozen=True, slots=True)
class Distribution:
    """Response times of the ok samples of one step, in ms, in order of time, with the counts of all its samples."""

    scenario: str
    step: str
    times_ms: NDArray[np.float64]
    total: int
    errors: int
    measured_s: float

    @property
    def name(self) -> str:
        """Return scenario/step."""
        return f"{self.scenario}/{self.step}"

    def quantile_ms(self, q: float) -> float:
        """Return a value that really occurred."""
        return float(np.percentile(self.times_ms, q * 100, method="inverted_cdf"))


def distributions(run: Run) -> Iterator[Distribution]:
    """Yield each step that has an ok sample."""
    if not run.record["scenarios"]:
        return
    for slug, samples in run.samples().items():
        entry = run.record["scenarios"].get(slug, {})
        for step in samples.steps:
            times_ms = samples.response_ms(step)
            counts = entry.get("steps", {}).get(step, {}).get("counts", {})
            if len(times_ms):
                yield Distribution(
                    slug,
                    step,
                    times_ms,
                    counts.get("total", len(times_ms)),
                    counts.get("error", 0),
                    entry.get("measured_s") or 0.0,
                )
