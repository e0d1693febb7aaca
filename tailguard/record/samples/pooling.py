"""Samples of several processes as one, in order of their intended start."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.record.samples import Samples, values_apart, with_values
from tailguard.record.samples.values import NO_VALUES

Number = TypeVar("Number", np.uint8, np.int32)

_INSTANTS_AND_COUNTS = ("intended_ns", "started_ns", "ended_ns", "outcome", "retries")


def pool(parts: Sequence[Samples]) -> Samples:
    """Put samples of one scenario together; steps and error kinds of the same name become one.

    Raises UsageError if there is nothing to pool, or the parts are of different scenarios.
    """
    scenarios = {part.scenario for part in parts}
    if len(scenarios) != 1:
        names = ", ".join(sorted(scenarios)) or "none"
        raise UsageError(f"only samples of one scenario can be pooled, not of {names}")
    steps = tuple(dict.fromkeys(step for part in parts for step in part.steps))
    metrics = tuple(dict.fromkeys(name for part in parts for name in part.recorded.names))
    parts = [with_values(part) for part in parts]
    errors = tuple(dict.fromkeys(["", *(kind for part in parts for kind in part.errors)]))
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _INSTANTS_AND_COUNTS}
    columns["step"] = np.concatenate(
        [_renumbered(part.step, part.steps, (*steps, *metrics)) for part in parts]
    )
    columns["error"] = np.concatenate([_renumbered(part.error, part.errors, errors) for part in parts])
    order = np.argsort(columns["intended_ns"], kind="stable")
    ordered = {name: column[order] for name, column in columns.items()}
    whole = Samples(
        scenario=parts[0].scenario, steps=(*steps, *metrics), errors=errors, recorded=NO_VALUES, **ordered
    )
    return values_apart(whole, metrics)


def _renumbered(numbers: NDArray[Number], names: Sequence[str], all_names: Sequence[str]) -> NDArray[Number]:
    """Return the numbers that the same names have among all of them."""
    table = np.array([all_names.index(name) for name in names], numbers.dtype)
    return table[numbers]
