"""Numbers that a journey records beside its steps: `it.record("queue_depth", 17)`.

In files, and between processes, each is a row like a sample's: its outcome is VALUE, its step the name of the metric,
and it ends `value` ms after it starts, so that six decimals of it are kept. In memory they are kept apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# More, and 64 bits of nanoseconds would not hold it.
MOST_VALUE = 1e12
PER_UNIT = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Recorded numbers of one scenario in order of time.

    Attributes:
        names: of the metrics; `name` holds indices into it.
        at_ns: int64, instants of the monotonic clock.
        value: float64; true is 1 and false 0.
    """

    names: tuple[str, ...]
    name: NDArray[np.uint8]
    at_ns: NDArray[np.int64]
    value: NDArray[np.float64]

    def of(self, name: str) -> NDArray[np.float64]:
        """Return the values of a metric, none of one that was never recorded."""
        if name not in self.names:
            return np.empty(0)
        found: NDArray[np.float64] = self.value[self.name == self.names.index(name)]
        return found


NO_VALUES = Values((), np.empty(0, np.uint8), np.empty(0, np.int64), np.empty(0))


def are_true_or_false(values: NDArray[np.float64]) -> bool:
    """Say whether they may be shown, and limited, as a rate."""
    return bool(np.isin(values, (0.0, 1.0)).all())
