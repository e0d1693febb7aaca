"""Refusals in a record: named by what the scenario declares and by the platform's answer."""

import numpy as np
from numpy.typing import NDArray

from tailguard.record.samples import CONFLICT, Samples


def refusal_kind(declared: str, kind: str) -> str:
    """Return the name that a refusal is counted by: of the failure, and of what declares it if that says more.

    Examples: "HTTP 409"; "Conflict (FULL)"; "RefusedError: Refused409".
    """
    return kind if belongs_to(kind, declared) else f"{declared}: {kind}"


def belongs_to(kind: str, declared: str) -> bool:
    """Say whether refusals of this kind are those that are declared by that name."""
    return kind == declared or kind.startswith((f"{declared} (", f"{declared}: "))


def refused(samples: Samples, declared: str = "") -> NDArray[np.bool_]:
    """Return which samples are refusals, of those declared by that name unless it is ""."""
    found: NDArray[np.bool_] = samples.outcome == CONFLICT
    if declared:
        numbers = [number for number, kind in enumerate(samples.errors) if belongs_to(kind, declared)]
        found &= np.isin(samples.error, numbers)
    return found
