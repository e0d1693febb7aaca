"""Doubts: every reason to distrust a run that we know how to look for.

A doubt is grave only where the measurement itself is bad; a slow platform is a verdict, not a doubt.
"""

from collections.abc import Mapping

from tailguard.engine.telemetry import Reading
from tailguard.engine.workload import Measurement
from tailguard.record.doubt import Doubt
from tailguard.trust.machine_doubts import doubts_of_machine
from tailguard.trust.scenario_doubts import doubts_of_scenario

__all__ = ["Doubt", "find_doubts"]


def find_doubts(measured: Mapping[str, Measurement], reading: Reading | None = None) -> list[Doubt]:
    """Look at each scenario and, where it was watched, at the machine."""
    found = [
        doubt for slug, measurement in measured.items() for doubt in doubts_of_scenario(slug, measurement)
    ]
    return found if reading is None else [*found, *doubts_of_machine(reading)]
