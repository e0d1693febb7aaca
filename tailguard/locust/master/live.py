"""Where each objective stands while a Locust run is on."""

from collections.abc import Sequence

from tailguard.base.state import State
from tailguard.record.objective import Metric
from tailguard.record.part import Estimate

COLUMNS = {
    "objective": "Objective",
    "n": "n",
    "observed": "Observed",
    "interval": "Interval (99 %)",
    "verdict": "Verdict so far",
}


def row(name: str, n: int, observed: Estimate | None, metric: Metric, state: State) -> dict[str, str]:
    """Return one objective's row, ready to show."""
    interval = ""
    if observed is not None:
        interval = f"{shown(observed.low, metric)} to {shown(observed.high, metric)}"
    return {
        "objective": name,
        "n": f"{n:,}",
        "observed": shown(None if observed is None else observed.value, metric),
        "interval": interval,
        "verdict": "still open" if state is State.INCONCLUSIVE else state,
    }


def shown(value: float | None, metric: Metric) -> str:
    """Return a time in ms or a ratio in per cent, with three digits."""
    if value is None:
        return "?"
    if metric == "value":
        return f"{value:.3g}"
    return f"{value:.3g} ms" if metric == "latency" else f"{value * 100:.3g} %"


def nothing_yet(names: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a run that has not measured anything."""
    return [row(name, 0, None, "latency", State.INCONCLUSIVE) for name in names]
