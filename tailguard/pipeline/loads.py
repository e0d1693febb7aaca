"""From the configuration to a load: which schedule, how many workers, how long."""

import re
import zlib
from collections.abc import Mapping
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.engine.schedule import Closed, Constant, Poisson, Ramp, Schedule, Steps
from tailguard.engine.workload import Load

STEP = re.compile(r"(?P<rate>[\d.]+)/s for (?P<seconds>[\d.]+)s")


def load_of(slug: str, settings: Mapping[str, Any], seed: int) -> Load:
    """Return the load of a scenario; its arrivals depend on the run's seed and its own name, not on its neighbours.

    Raises UsageError, which names the scenario, if its settings contradict each other.
    """
    try:
        return Load(
            schedule=schedule_of(settings, zlib.crc32(f"{seed}/{slug}".encode())),
            workers=settings["workers"],
            warmup=settings["warmup"],
            min_samples=settings["min_samples"],
            max_samples=settings["max_samples"],
            max_seconds=settings["max_seconds"],
        )
    except UsageError as error:
        raise UsageError(f"The load of {slug} is impossible: {error}") from error


def schedule_of(settings: Mapping[str, Any], seed: int) -> Schedule:
    """Return the schedule that the settings name, as long as the scenario's budget of time."""
    rate, seconds = settings["rate_per_s"], settings["max_seconds"]
    match settings["schedule"]:
        case "constant":
            return Constant(rate, seconds)
        case "closed":
            return Closed(settings["workers"], seconds)
        case "ramp":
            return Ramp(rate, settings["to_rate_per_s"], seconds, seed)
        case "steps":
            return Steps(tuple(read_step(text) for text in settings["steps"]), seed)
        case _:
            return Poisson(rate, seconds, seed)


def read_step(text: str) -> tuple[float, float]:
    """Return (starts per second, seconds) of a step such as `50/s for 10s`."""
    found = STEP.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"load.steps: {text!r} is no step: write it as '50/s for 10s'.")
    return float(found["rate"]), float(found["seconds"])
