"""Locust's own table: each step that has ended, by its service time."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tailguard.engine.recorder import unpack_rows
from tailguard.engine.scenario_execution import ScenarioExecution
from tailguard.record.samples import CONFLICT, ERROR, MOST_STEPS, unpack_codes

# Of a step that has ended: "scenario.step", its service time in ms, the kind of its failure or "".
Tell = Callable[[str, float, str], None]

_NOTHING: Mapping[str, Any] = {}


class StepFailedError(Exception):
    """A step that failed, by the kind of its failure."""


def teller(fire: Callable[..., Any]) -> Tell:
    """Return what puts a step into the table; `fire` is locust's request event."""

    def tell(name: str, service_ms: float, error: str) -> None:
        fire(
            request_type="STEP",
            name=name,
            response_time=service_ms,
            response_length=0,
            exception=StepFailedError(error) if error else None,
            context=_NOTHING,
        )

    return tell


def tell_rows(tell: Tell, execution: ScenarioExecution, rows: bytearray) -> None:
    """Tell each sample of a scenario's rows."""
    steps = execution.steps.names()
    for _, started_ns, ended_ns, code in unpack_rows(rows):
        service_ms = (ended_ns - started_ns) / 1e6
        if code < MOST_STEPS:  # an undisturbed ok sample's code is its step's number
            tell(f"{execution.name}.{steps[code]}", service_ms, "")
        else:
            tell(*_disturbed(execution, steps, code, service_ms))


def _disturbed(
    execution: ScenarioExecution, steps: tuple[str, ...], code: int, service_ms: float
) -> tuple[str, float, str]:
    columns = {name: int(column[0]) for name, column in unpack_codes(np.array([code])).items()}
    name, kind = f"{execution.name}.{steps[columns['step']]}", ""
    if columns["outcome"] == CONFLICT:
        name += " (refused)"
    elif columns["outcome"] == ERROR:
        kind = execution.errors.names()[columns["error"]]
    return name, service_ms, kind
