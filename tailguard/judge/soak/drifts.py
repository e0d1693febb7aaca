"""Whether a reading of a soak grows: its slope per hour, with an interval, against a stated limit."""

import numpy as np
from numpy.typing import NDArray

from tailguard.base.state import State
from tailguard.base.text_format import slope_per_hour
from tailguard.judge.drift.slope import FEWEST_GROUPS, FEWEST_POINTS, Drift, judge_drift
from tailguard.judge.soak.found import Read
from tailguard.record.soak import DriftLimit, Reading
from tailguard.record.soak.segments import Key
from tailguard.record.verdict import DriftVerdict

ALPHA = 0.01
_HOUR_S = 3600.0


def drift_verdict(read: Read, limit: DriftLimit) -> DriftVerdict:
    """Judge one limit by the readings of all segments."""
    hours, values = series_of(read, limit.reading, limit.scenario, limit.step)
    mean = float(np.abs(values).mean()) if len(values) else 0.0
    if limit.relative and mean:
        values = values / mean
    drift = judge_drift(hours, values, limit.most_per_hour, ALPHA)
    return DriftVerdict(
        name=limit.name,
        state=drift.state,
        reading=limit.reading,
        scenario=limit.scenario,
        slope=drift.slope,
        low=drift.low,
        high=drift.high,
        limit=limit.most_per_hour,
        unit=limit.unit,
        groups=drift.groups,
        alpha=ALPHA,
        why=_why(drift, limit, len(values)),
    )


def series_of(
    read: Read, reading: Reading, scenario: str = "", step: str = ""
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the hours since the soak began, and the values, of those segments that have this reading."""
    points = []
    for head, counters, medians in zip(read.heads, read.each, read.medians, strict=True):
        value = (
            medians.get((scenario, step))
            if reading == "latency"
            else counters.get(Key("reading", name=reading))
        )
        if value is not None:
            points.append((head.ended_s / _HOUR_S, value))
    # A moved clock of the server may put a segment before another.
    ordered = np.array(sorted(points)).reshape(-1, 2)
    return ordered[:, 0], ordered[:, 1]


def _why(drift: Drift, limit: DriftLimit, points: int) -> str:
    if drift.slope is None:
        needed = FEWEST_GROUPS * FEWEST_POINTS
        return f"{points} segments have this reading; {needed} are the fewest to judge: run longer"
    slope, low, high, most = (
        slope_per_hour(each, limit.unit) for each in (drift.slope, drift.low, drift.high, limit.most_per_hour)
    )
    told = {
        State.PASS: f"steady: it grows by less than {most}",
        State.FAIL: f"grows by more than {most}",
    }.get(drift.state, f"undecided whether it grows by more than {most}: run longer")
    return f"{told} (slope {slope}, between {low} and {high}, {drift.groups} groups)"
