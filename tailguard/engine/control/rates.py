"""Another rate from an iteration on: the same change of the same schedule gives the same starts."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tailguard.base.errors import UsageError
from tailguard.engine.schedule import Constant, Poisson, Schedule


@dataclass(frozen=True, slots=True)
class RateChange:
    """From iteration `iteration` on, which begins at `offset_ns` of the schedule or later, there is another rate.

    0 starts nothing more.
    """

    iteration: int
    offset_ns: int
    rate_per_s: float


def rerated(starts_ns: Sequence[int], schedule: Schedule, change: RateChange, most: int) -> list[int]:
    """Return the starts of a schedule after a change; there are at most `most`, since data was made for that number.

    Raises UsageError if the schedule has no rate that could change, or for an impossible one.
    """
    if not isinstance(schedule, Constant | Poisson):
        raise UsageError(f"a {schedule.kind} load has no rate of its own that could change")
    if not change.rate_per_s:
        return [*starts_ns[: change.iteration]]
    rest_s = schedule.duration_s - change.offset_ns / 1e9
    if isinstance(schedule, Poisson):
        seed = zlib.crc32(f"{schedule.seed}/{change.iteration}".encode())
        rest: Schedule = replace(schedule, rate_per_s=change.rate_per_s, duration_s=rest_s, seed=seed)
    else:
        rest = replace(schedule, rate_per_s=change.rate_per_s, duration_s=rest_s)
    later = (rest.starts_ns() + change.offset_ns).tolist()
    return [*starts_ns[: change.iteration], *later][:most]
