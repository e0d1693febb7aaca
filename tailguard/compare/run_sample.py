"""What the gate compares runs by: each run is one sample of its side."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tailguard.record.run_record import RunRecord

# A file of another tool names neither scenario nor step.
FILE_SCENARIO = "file"
FILE_STEP = "latency"


@dataclass(frozen=True, slots=True)
class RunSample:
    """One run: latencies in ms of each (scenario, step), the share of errors of each scenario; its record if ours."""

    name: str
    latencies_ms: Mapping[tuple[str, str], NDArray[np.float64]] = field(repr=False)
    failure_rates: Mapping[str, float]
    record: RunRecord | None = field(default=None, repr=False)
