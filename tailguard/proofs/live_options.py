"""How a proof under load is made; apart from what makes it, so that a command can name the defaults at once."""

from dataclasses import dataclass, field

from tailguard.migrations.limits import Limits
from tailguard.record.migration import WaitLimits

# Rows of a copy: an index of this size has the depth of one of ten times as many, and is made in a second or two.
COPY_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How long and how hard a proof under load works."""

    rate_per_s: float = 200.0  # of writers and of readers, at most; calibrated below
    calibration_s: float = 1.5
    baseline_s: float = 3.0
    fewest_builds: int = 3
    most_builds: int = 32  # a short build meets few requests; those of a second or more are done after three
    cost_rows: int = COPY_ROWS
    control: bool = True
    seed: int = 1
    limits: Limits = field(default_factory=Limits)
    wait: WaitLimits = field(default_factory=WaitLimits)
