"""Doubts: every reason to distrust a run that we know how to look for.

A doubt is grave only if the measurement itself is bad; a slow platform is a verdict, not a doubt.
"""

from collections.abc import Mapping

from tailguard.record.doubt import Doubt
from tailguard.record.environment import MachineReading
from tailguard.record.objective import Objectives
from tailguard.record.samples import Samples
from tailguard.record.scenario import ScenarioEntry
from tailguard.trust.machine_doubts import doubts_of_machine
from tailguard.trust.scenario_doubts import doubts_of_scenario


def find_doubts(
    scenarios: Mapping[str, ScenarioEntry],
    samples: Mapping[str, Samples],
    objectives: Objectives | None,
    reading: MachineReading | None = None,
    *,
    by_locust: bool = False,
) -> list[Doubt]:
    """Look at each scenario of a record and, if it was watched, at the machine."""
    stated = objectives.by_scenario() if objectives else {}
    found = [
        doubt
        for slug, entry in scenarios.items()
        for doubt in doubts_of_scenario(slug, entry, samples[slug], stated.get(slug, ()), by_locust=by_locust)
    ]
    return found if reading is None else [*found, *doubts_of_machine(reading)]
