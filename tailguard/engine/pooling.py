"""Samples of several processes as one, in order of their intended start."""

from collections.abc import Sequence

import numpy as np

from tailguard.base.errors import UsageError
from tailguard.record.samples import Samples

_COLUMNS = ("intended_ns", "started_ns", "ended_ns", "step", "outcome", "error", "retries")


def pool(parts: Sequence[Samples]) -> Samples:
    """Put samples of one scenario together; error kinds of the same name become one.

    Raises UsageError if there is nothing to pool, or the parts are of different scenarios or steps.
    """
    if len({(part.scenario, part.steps) for part in parts}) != 1:
        names = sorted({f"{part.scenario} ({', '.join(part.steps)})" for part in parts})
        raise UsageError(f"only samples of one scenario can be pooled, not of {'; '.join(names) or 'none'}")
    errors = tuple(dict.fromkeys(["", *(kind for part in parts for kind in part.errors)]))
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS if name != "error"
    }
    renumbered = [
        np.array([errors.index(kind) for kind in part.errors], np.int32)[part.error] for part in parts
    ]
    columns["error"] = np.concatenate(renumbered)
    order = np.argsort(columns["intended_ns"], kind="stable")
    first = parts[0]
    return Samples(first.scenario, first.steps, errors, **{name: columns[name][order] for name in _COLUMNS})
