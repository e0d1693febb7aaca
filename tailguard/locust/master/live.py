"""Where each objective stands while a Locust run is on."""

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = {
    "objective": "Objective",
    "n": "n",
    "observed": "Observed",
    "interval": "Interval (99 %)",
    "verdict": "Verdict so far",
}


def row(name: str, n: int, observed: Mapping[str, Any] | None, unit: str, state: str) -> dict[str, str]:
    """Return one objective's row, ready to show."""
    return {
        "objective": name,
        "n": f"{n:,}",
        "observed": shown(None if observed is None else observed["value"], unit),
        "interval": ""
        if observed is None
        else f"{shown(observed['low'], unit)} to {shown(observed['high'], unit)}",
        "verdict": "still open" if state == "INCONCLUSIVE" else state,
    }


def shown(value: float | None, unit: str) -> str:
    """Return a time in ms or a ratio in per cent, with three digits."""
    if value is None:
        return "?"
    return f"{value * 100:.3g} %" if unit == "ratio" else f"{value:.3g} ms"


def nothing_yet(names: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a run that has not measured anything."""
    return [row(name, 0, None, "ms", "INCONCLUSIVE") for name in names]
