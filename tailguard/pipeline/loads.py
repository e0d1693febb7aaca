"""From the configuration to a load: which schedule, how many workers, how long."""

import re
import zlib
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.config.stated_load import read_think
from tailguard.config.tables import LoadOptions
from tailguard.engine.schedule import Closed, Constant, Poisson, Ramp, Recorded, Schedule, Steps
from tailguard.engine.think import Think
from tailguard.engine.workload import Load
from tailguard.http.recorded.format import read_recording

_NUMBER = re.compile(r"[\d.]+")


def load_of(name: str, options: LoadOptions, seed: int) -> Load:
    """Return the load of a scenario; its arrivals depend on the run's seed and its own name, not on its neighbours.

    Raises UsageError, which names the scenario, if its options contradict each other.
    """
    try:
        return Load(
            schedule=schedule_of(options, zlib.crc32(f"{seed}/{name}".encode())),
            workers=options.workers,
            warmup=options.warmup,
            min_samples=options.min_samples,
            max_samples=options.max_samples,
            max_seconds=options.max_seconds,
        )
    except UsageError as error:
        raise UsageError(f"The load of {name} is impossible: {error}") from error


def schedule_of(options: LoadOptions, seed: int) -> Schedule:
    """Return the schedule that the options name, as long as the scenario's budget of time."""
    rate_per_s, seconds = options.rate_per_s, options.max_seconds
    match options.schedule:
        case "constant":
            return Constant(rate_per_s, seconds)
        case "closed":
            return Closed(options.workers, seconds, think_of(options))
        case "ramp":
            return Ramp(rate_per_s, options.to_rate_per_s, seconds, seed)
        case "steps":
            return Steps(tuple(read_step(text) for text in options.steps), seed)
        case "recorded":
            at_s = [each.at_s for each in read_recording(Path(options.recording))]
            return Recorded(tuple(at_s), options.speed)
        case _:
            return Poisson(rate_per_s, seconds, seed)


def most_per_s(options: LoadOptions) -> float | None:
    """Return how many iterations per second there are at most; None of closed users who do not think."""
    if options.schedule != "closed":
        return options.rate_per_s
    think = think_of(options)
    return options.workers / think.mean_s if think else None


def think_of(options: LoadOptions) -> Think | None:
    """Return what closed users wait between two iterations, if anything."""
    return Think(*read_think(options.think)) if options.think else None


def read_step(text: str) -> tuple[float, float]:
    """Return (starts per second, seconds) of a step such as `50/s for 10s`, as the configuration has checked it."""
    rate_per_s, seconds = _NUMBER.findall(text)
    return float(rate_per_s), float(seconds)
