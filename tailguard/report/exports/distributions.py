"""What the formats share: the ok latencies of each step of a run, and the verdicts of its objectives."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.record.run import Run
from tailguard.record.verdict import ObjectiveVerdict


@dataclass(frozen=True, slots=True)
class Distribution:
    """Response times of the ok samples of one step, in ms, in order of time."""

    scenario: str
    step: str
    times_ms: NDArray[np.float64]
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
    for slug, samples in (run.samples() if run.record.scenarios else {}).items():
        for step in samples.steps:
            times_ms = samples.response_ms(step)
            if len(times_ms):
                yield Distribution(slug, step, times_ms, run.record.scenarios[slug].measured_s)


def judged_objectives(run: Run) -> Iterator[ObjectiveVerdict]:
    """Yield the verdicts of objectives; a change against a baseline says nothing of a limit."""
    yield from (verdict for verdict in run.record.verdicts if isinstance(verdict, ObjectiveVerdict))
