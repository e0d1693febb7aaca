"""What the runs before this one showed: a small line per objective, and the previous run in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tailguard.record.objective import Metric, Objective
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ObjectiveVerdict
from tailguard.report.views import numbers

WIDTH, HEIGHT = 100, 20
_ROOM = 1.1  # above the highest point
_NEAR = 1.5  # a limit up to this far above the highest value is drawn; a farther one would flatten the line


@dataclass(frozen=True, slots=True)
class Trend:
    """An objective over the last runs: points and limit in a box of `WIDTH` times `HEIGHT`, from zero up."""

    points: str
    last_y: float
    limit_y: float | None
    words: str


def trends_of(record: RunRecord, earlier: Sequence[RunRecord]) -> dict[str, Trend]:
    """Return the line of each objective, by its name, that an earlier run has a value of."""
    before = [_values(each) for each in earlier]
    found = {}
    for verdict in record.verdicts:
        if isinstance(verdict, ObjectiveVerdict) and verdict.observed and verdict.observed.value is not None:
            values = [each[verdict.name] for each in before if verdict.name in each]
            if values:
                found[verdict.name] = _trend([*values, verdict.observed.value], verdict.objective)
    return found


@dataclass(frozen=True, slots=True)
class Previous:
    """The run before: its id, and how this run differs from it."""

    id: str
    words: str


def previous_of(record: RunRecord, earlier: Sequence[RunRecord]) -> Previous | None:
    """Say how this run differs from the one before; None if there is none, or nothing was observed in both."""
    if not earlier:
        return None
    last, now = (_values(each, "latency") for each in (earlier[-1], record))
    changes = {name: now[name] / last[name] - 1 for name in now if last.get(name)}
    if not changes:
        return None
    name = max(changes, key=lambda each: abs(changes[each]))
    created = earlier[-1].created_utc.replace("T", " ").removesuffix("Z")
    return Previous(
        earlier[-1].id,
        f"({created} UTC, same machine and configuration): of"
        f" {numbers.count(len(changes))} latencies, the largest difference is that of {name},"
        f" {numbers.signed_percent(changes[name])}."
        " This is for reading, not a judgement: `tailguard duet` judges.",
    )


def _values(record: RunRecord, metric: Metric | None = None) -> dict[str, float]:
    """Return what was observed, by the objective's name; of one metric, if that is given."""
    return {
        verdict.name: verdict.observed.value
        for verdict in record.verdicts
        if isinstance(verdict, ObjectiveVerdict) and verdict.observed and verdict.observed.value is not None
        if metric in (None, verdict.objective.metric)
    }


def _trend(values: Sequence[float], objective: Objective) -> Trend:
    highest, limit = max(values), objective.limit
    is_near = limit <= highest * _NEAR
    top = (max(highest, limit) if is_near else highest) * _ROOM or 1.0
    show = partial(numbers.of_metric, metric=objective.metric)
    step = WIDTH / (len(values) - 1)
    heights = [round(HEIGHT * (1 - value / top), 1) for value in values]
    return Trend(
        points=" ".join(f"{place * step:.1f},{y}" for place, y in enumerate(heights)),
        last_y=heights[-1],
        limit_y=round(HEIGHT * (1 - limit / top), 1) if is_near else None,
        words=f"{len(values)} runs: {show(min(values))} to {show(highest)}, this one {show(values[-1])}",
    )
