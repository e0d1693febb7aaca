"""From the configuration to a load: which schedule, how many workers, how long."""

import zlib
from collections.abc import Mapping
from typing import Any

from perf.schedule import Closed, Constant, Poisson, Schedule
from perf.trial import Load


def load_of(slug: str, settings: Mapping[str, Any], seed: int) -> Load:
    """Return the load of a scenario; its arrivals depend on the run's seed and its own name, not on its neighbours."""
    return Load(
        schedule=schedule_of(settings, zlib.crc32(f"{seed}/{slug}".encode())),
        workers=settings["workers"],
        warmup=settings["warmup"],
        min_samples=settings["min_samples"],
        max_samples=settings["max_samples"],
        max_seconds=settings["max_seconds"],
    )


def schedule_of(settings: Mapping[str, Any], seed: int) -> Schedule:
    """Return the schedule that the settings name, as long as the scenario's budget of time."""
    rate, seconds = settings["rate_per_s"], settings["max_seconds"]
    match settings["schedule"]:
        case "constant":
            return Constant(rate, seconds)
        case "closed":
            return Closed(settings["workers"], seconds)
        case _:
            return Poisson(rate, seconds, seed)
