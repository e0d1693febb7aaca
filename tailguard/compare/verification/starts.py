"""Whether the recorded hash of each schedule is that of the schedule which the record describes."""

from collections.abc import Iterator, Mapping

from tailguard.base.errors import UsageError
from tailguard.compare.verification.difference import Difference, differences
from tailguard.config.merge import base_name
from tailguard.engine.schedule import Constant, Poisson, Ramp, Schedule, Steps, starts_sha256
from tailguard.record import scenario as record
from tailguard.record.part import Json
from tailguard.record.run import Run


def verify_starts(run: Run) -> Iterator[Difference]:
    """Draw the starts of each scenario again and compare their hash."""
    for slug, entry in run.record.scenarios.items():
        # The times of a recording are in its own file, which is not the run's.
        if entry.starts_sha256 is not None and not isinstance(entry.schedule, record.RecordedSchedule):
            try:
                schedule = _described(entry.schedule, _seconds_of(run.record.config.value, slug))
                now: Json = starts_sha256(schedule.starts_ns()) if schedule else None
            except UsageError as error:
                now = str(error)
            yield from differences(entry.starts_sha256, now, f"scenarios.{slug}.starts_sha256")


def _described(found: record.Schedule, seconds: float) -> Schedule | None:
    match found:
        case record.ConstantSchedule():
            return Constant(found.rate_per_s, seconds)
        case record.PoissonSchedule():
            return Poisson(found.rate_per_s, seconds, found.seed)
        case record.RampSchedule():
            return Ramp(found.from_per_s, found.to_per_s, seconds, found.seed)
        case record.StepsSchedule():
            return Steps(found.steps, found.seed)
        case record.RecordedSchedule() | record.ClosedSchedule():
            return None


def _seconds_of(config: Mapping[str, Json], slug: str) -> float:
    """The longest that a scenario may be measured, by its own table or that of all."""
    scenarios, load = config.get("scenario"), config.get("load")
    own = scenarios.get(base_name(slug)) if isinstance(scenarios, dict) else None
    for table in (own, load):
        if isinstance(table, dict) and isinstance(seconds := table.get("max_seconds"), float | int):
            return float(seconds)
    return 0.0
