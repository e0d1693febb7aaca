"""What a soak is asked, fixed at its start: how long, under which load, against which limits."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.judge.objectives.configured import configured_objectives
from tailguard.judge.soak.stated import drift_limits, window_limits
from tailguard.pipeline.preparation import loads_of
from tailguard.record.objective import Objective, Objectives
from tailguard.record.soak import LeaseUsed, Soak
from tailguard.suite.discovery import Suite

_STEADY = ("constant", "poisson", "closed")


@dataclass(frozen=True, slots=True)
class Plan:
    """The part of the record, and the objectives beside it."""

    soak: Soak
    objectives: Objectives

    def limits_of(self, scenario: str) -> list[Objective]:
        """Return all objectives of a scenario, each stream once: the whole soak's, and those of windows."""
        of_windows = [each.objective for each in self.soak.windows if each.objective.scenario == scenario]
        by_name = {each.name: each for each in (*self.objectives.of(scenario), *of_windows)}
        return [*by_name.values()]


def plan_of(config: Config, suite: Suite, asked: Sequence[str], seconds: float, *, with_lease: bool) -> Plan:
    """Return what is asked. Raises UsageError for a limit that does not parse, or a load that cannot go on."""
    names = [each.name for each in suite.choose(config.scenarios or suite.scenarios)]
    known = {name: suite.steps[name] for name in names}
    objectives = configured_objectives(config, suite.steps, suite.limits, asked)
    _check(config, names)
    options = config.soak
    windows = tuple(window_limits(options.windows, known, options.segment_s))
    of_windows = {each.objective.scenario for each in windows}
    loads = loads_of(config, suite)
    soak = Soak(
        seconds=seconds,
        segment_s=options.segment_s,
        lease=LeaseUsed(name=options.name, ttl_s=options.ttl_s) if with_lease else None,
        schedules={name: loads[name].schedule.describe(loads[name].users) for name in names},
        windows=windows,
        drifts=tuple(drift_limits(options.drift, known)),
    )
    unasked = tuple(each for each in objectives.unasked if each not in of_windows)
    return Plan(soak, replace(objectives, unasked=unasked))


def _check(config: Config, names: Sequence[str]) -> None:
    for name in names:
        kind = config.load_of(name).schedule
        if kind not in _STEADY:
            raise UsageError(
                f"The load of {name} is {kind}: a soak repeats its load segment by segment, so give it a steady one: "
                f"{', '.join(_STEADY)}"
            )
    if config.chaos.faults:
        raise UsageError("A soak makes no faults: leave out chaos.faults, or use `tailguard run`")
