"""A workload: a scenario with the load that drives it, and what was measured."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.engine.scenario import Scenario
from tailguard.engine.schedule import Closed, Schedule
from tailguard.record.samples import Samples
from tailguard.record.scenario import ScenarioEnded
from tailguard.record.scenario import Schedule as RecordedSchedule


@dataclass(frozen=True, slots=True)
class Load:
    """How a scenario is driven and for how long.

    Attributes:
        schedule: source of the intended starts.
        workers: threads that drive the journey; with a closed schedule there is one for each client instead.
        warmup: turns before the first sample; they run one after another on every worker, are counted and not kept.
        min_samples: ok samples that each step must have before anybody is asked whether that is enough.
        max_samples: turns after which the scenario ends.
        max_seconds: time of its own after which the scenario ends.
    """

    schedule: Schedule
    workers: int = 8
    warmup: int = 0
    min_samples: int = 1
    max_samples: int = 20_000
    max_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not (isfinite(self.max_seconds) and self.max_seconds > 0):
            raise UsageError(f"max_seconds is {self.max_seconds}; give a finite number above 0")
        for name, least in (("workers", 1), ("warmup", 0), ("min_samples", 1), ("max_samples", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} is {getattr(self, name)}; give {least} or more")
        if self.min_samples > self.max_samples:
            raise UsageError(
                f"min_samples {self.min_samples} exceeds max_samples {self.max_samples}; raise max_samples"
            )

    @property
    def crew(self) -> int:
        """Number of worker threads."""
        return self.schedule.clients if isinstance(self.schedule, Closed) else self.workers


@dataclass(frozen=True, slots=True)
class Pace:
    """How scenarios take turns.

    Attributes:
        slice_s: length of a slice. Shorter interleaves finer, longer lets a queue build up as it would.
        patience_s: how much longer a slice may last that finds the platform never idle.
        drain_s: time that turns still in progress or in the queue have at the end of a slice.
        save_every_s: how much measuring a kill may cost.
    """

    slice_s: float = 0.5
    patience_s: float = 2.0
    drain_s: float = 10.0
    save_every_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Workload:
    """A scenario with what it runs against: the platform, the data it prepared, and its load."""

    scenario: Scenario
    platform: Any  # the scenario's own affair
    data: Any  # likewise
    load: Load


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What was measured of one scenario.

    Attributes:
        samples: all samples of all steps.
        schedule: what drove it, for the record.
        warmup: turns that were run and not kept.
        offered_rate_per_s: turns due per second of schedule; None if the schedule is closed.
        achieved_rate_per_s: turns that came to their end per second, late ones and failures included.
        measured_s: time in which turns were due or in progress.
        lateness_ns: int64, how late each turn began although a worker was waiting for it: the generator's own error.
    """

    samples: Samples
    schedule: RecordedSchedule
    warmup: int
    offered_rate_per_s: float | None
    achieved_rate_per_s: float
    measured_s: float
    lateness_ns: NDArray[np.int64]
    ended_because: ScenarioEnded
