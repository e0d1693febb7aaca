"""A doubt about calls that are so short that the clock shows in them."""

from collections.abc import Iterator

import numpy as np

from tailguard.record.doubt import Doubt, Grade
from tailguard.record.samples import Samples
from tailguard.record.scenario import ScenarioEntry

# Two readings of the clock and what lies between them are some 0.1 us: in a shorter call than this they show.
SHORT_MS = 0.005


def short_calls(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    """Say of which steps half of the calls are too short; grave if the clock did not move at all."""
    for step in samples.steps:
        times_ms = samples.service_ms(step)
        if len(times_ms) and float(np.median(times_ms)) < SHORT_MS:
            stands_still = not times_ms.any()
            yield Doubt(
                kind="short_calls",
                scenario=slug,
                grade=Grade.GRAVE if stands_still else Grade.WARN,
                measured=f"half of the calls of {step} took at most {np.median(times_ms) * 1e3:.2g} us"
                + (", all of them 0: the clock stood still" if stands_still else ""),
                limit=f"{SHORT_MS * 1e3:g} us",
                remedy="does the call do its work? Then time many of them in one, or compare two versions",
            )
