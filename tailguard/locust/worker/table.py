"""Locust's own table: each step that has ended, by its service time."""

from collections.abc import Callable, Mapping
from typing import Any

from tailguard.locust.worker.scenario_executor import Tell

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
