"""Think time: what a closed user waits between two of its iterations, in no step, as people do who read first."""

from dataclasses import dataclass
from math import isfinite
from random import Random

from tailguard.base.errors import UsageError


@dataclass(frozen=True, slots=True)
class Think:
    """A time drawn evenly between two bounds, in s."""

    least_s: float
    most_s: float

    def __post_init__(self) -> None:
        if not (isfinite(self.most_s) and 0 < self.least_s <= self.most_s):
            raise UsageError(
                f"a think time of {self.least_s:g}s to {self.most_s:g}s is not possible: give times above 0, the "
                "smaller one first"
            )

    @property
    def mean_s(self) -> float:
        """Its mean, in s."""
        return (self.least_s + self.most_s) / 2

    def after_ns(self, seed: str, number: int) -> int:
        """Return the time after the iteration of that number, in ns: the same in each run of the same seed."""
        return int(self._draw(seed, number).uniform(self.least_s, self.most_s) * 1e9)

    def before_first_ns(self, seed: str, user: int) -> int:
        """Return when a user begins, in ns: spread over a think time, for people do not all come at one instant."""
        return int(self._draw(seed, ~user).uniform(0, self.most_s) * 1e9)

    def _draw(self, seed: str, number: int) -> Random:
        return Random(f"{seed}/think/{number}")  # noqa: S311  # no secret
