"""From a segment's samples to its counters: all that the judge needs of them, so that the samples can go."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tailguard.judge.evidence import BLOCKS
from tailguard.judge.exceedance import exceedances, is_met
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.objective import Objective
from tailguard.record.samples import CONFLICT, ERROR, OUTCOMES, Samples
from tailguard.record.scenario import ScenarioEntry
from tailguard.record.soak.segments import Counters, Key
from tailguard.record.soak.times import buckets_of, value_buckets_of

# What only a whole run can say, or says of the run's own length.
_OF_WHOLE_RUNS = {"too_few_samples", "not_warm", "drift"}


def counted(samples: Samples, objectives: Sequence[Objective]) -> Counters:
    """Return the counters of one scenario's samples; `objectives` are those of the scenario, those of windows too."""
    found: Counter[Key] = Counter()
    for step in samples.steps:
        found.update(_of_step(samples, step))
    for name in samples.recorded.names:
        buckets = value_buckets_of(samples.recorded.of(name))
        found.update({Key("value", samples.scenario, name, at): float(n) for at, n in buckets.items()})
    for objective in objectives:
        if is_met(samples, objective):
            found.update(_of_stream(objective, exceedances(samples, objective)))
    return found


def counted_entry(slug: str, entry: ScenarioEntry) -> Counters:
    """Return what is counted beside samples: the iterations that were due, and kinds of errors."""
    due = (entry.offered_rate_per_s or entry.achieved_rate_per_s) * entry.measured_s
    found = Counter({Key("due", slug): float(round(due))})
    found.update({Key("error", slug, kind): float(n) for kind, n in entry.errors.items()})
    return found


def counted_doubts(doubts: Iterable[Doubt]) -> Counters:
    """Return 1 for each kind of doubt about this segment that was a warning (`at` 0) or grave (1)."""
    return {
        Key("doubt", each.scenario or "", each.kind, int(each.grade is Grade.GRAVE)): 1.0
        for each in doubts
        if each.kind not in _OF_WHOLE_RUNS and each.grade is not Grade.NOTE
    }


def is_beyond(samples: Samples, objectives: Sequence[Objective]) -> NDArray[np.bool_]:
    """Return which samples are errors, or take longer than a limit of their step."""
    found: NDArray[np.bool_] = samples.outcome == ERROR
    response_ms = (samples.ended_ns - samples.intended_ns) / 1e6
    for each in objectives:
        if each.limit_ms is not None and each.step in samples.steps:
            of_step = samples.step == samples.step_index(each.step)
            found |= of_step & (samples.outcome != CONFLICT) & (response_ms > each.limit_ms)
    return found


def total(segments: Iterable[Counters]) -> Counters:
    """Return the sums over segments; readings are not summed."""
    found: Counter[Key] = Counter()
    for counters in segments:
        found.update({key: value for key, value in counters.items() if key.kind != "reading"})
    return found


def _of_step(samples: Samples, step: str) -> Mapping[Key, float]:
    of_step = samples.step == samples.step_index(step)
    by_outcome = np.bincount(samples.outcome[of_step], minlength=len(OUTCOMES))
    retried = np.count_nonzero(of_step & (samples.retries > 0) & (samples.outcome != CONFLICT))
    place = samples.scenario, step
    return (
        {Key("outcome", *place, code): float(n) for code, n in enumerate(by_outcome)}
        | {Key("retried", *place): float(retried)}
        | {Key("time", *place, at): float(n) for at, n in buckets_of(samples.response_ms(step)).items()}
    )


def _of_stream(objective: Objective, stream: NDArray[np.bool_]) -> Mapping[Key, float]:
    """Return the samples, those that exceed, and what the variance of counts over blocks of them needs."""
    place = objective.scenario, objective.name
    found = {
        Key("judged", *place): float(len(stream)),
        Key("exceeds", *place): float(np.count_nonzero(stream)),
    }
    for length in BLOCKS:
        if blocks := len(stream) // length:
            counts = stream[: blocks * length].reshape(blocks, length).sum(axis=1, dtype=np.float64)
            found |= {
                Key("blocks", *place, length): float(blocks),
                Key("in_blocks", *place, length): float(counts.sum()),
                Key("in_blocks_squared", *place, length): float((counts**2).sum()),
            }
    return found
