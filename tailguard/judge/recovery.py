"""What a fault cost, from samples and windows alone: failures, and how long they went on after its end.

That each scenario recovered in time is an invariant of the run.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from tailguard.record.chaos import Chaos, FaultWindow, Outage, Recovery
from tailguard.record.samples import ERROR, Samples
from tailguard.record.scenario import Invariant

_NS_PER_S = 1e9


def recoveries(
    samples: Mapping[str, Samples],
    windows: Sequence[FaultWindow],
    outages: Mapping[str, Sequence[Outage]],
) -> list[Recovery]:
    """Return the recovery of each scenario from each fault; a trouble belongs to the last fault that had begun.

    `outages` are those of the scenarios that have subscribers.
    """
    found = []
    for number, window in enumerate(windows):
        until_ns = windows[number + 1].began_ns if number + 1 < len(windows) else np.iinfo(np.int64).max
        found += [
            _recovery(slug, each, window, until_ns, outages.get(slug, ())) for slug, each in samples.items()
        ]
    return found


def _recovery(
    slug: str, samples: Samples, window: FaultWindow, until_ns: int, outages: Sequence[Outage]
) -> Recovery:
    # By the start: a call that began under the next fault is the next fault's, whenever it ends.
    mine = (samples.ended_ns >= window.began_ns) & (samples.started_ns < until_ns)
    failed, retried = mine & (samples.outcome == ERROR), mine & (samples.retries > 0)
    cut_off = [each for each in outages if window.began_ns <= each.began_ns < until_ns]
    last_ns = max(
        int(samples.ended_ns[failed | retried].max(initial=window.ended_ns)),
        *(each.ended_ns for each in cut_off),
        window.ended_ns,
    )
    return Recovery(
        label=window.label,
        scenario=slug,
        samples=int(mine.sum()),
        errors=int(failed.sum()),
        retried=int(retried.sum()),
        recovered_s=(last_ns - window.ended_ns) / _NS_PER_S,
        cut_off=len(cut_off),
    )


def recovery_invariants(chaos: Chaos, slug: str) -> list[Invariant]:
    """Return for each fault that its scenario recovered in time, and that the fault was really made."""
    # A fault after this scenario's end tells nothing of it.
    mine = (each for each in chaos.recoveries if each.scenario == slug and each.samples)
    return [_all_made(chaos), *(_well_again(each, chaos.recover_s) for each in mine)]


def _all_made(chaos: Chaos) -> Invariant:
    made = tuple(window.label for window in chaos.windows if not window.note)
    notes = "; ".join(f"{window.label}: {window.note}" for window in chaos.windows if window.note)
    return Invariant(
        name="every ordered fault was made",
        held=made == chaos.ordered,
        expected=f"{len(chaos.ordered)} faults",
        observed=f"{len(made)} faults{notes and ': '}{notes}",
    )


def _well_again(recovery: Recovery, limit_s: float) -> Invariant:
    return Invariant(
        name=f"recovered in time after: {recovery.label}",
        held=recovery.recovered_s <= limit_s,
        expected=f"last failed or retried call at most {limit_s:g} s after its end",
        observed=f"{recovery.recovered_s:.2f} s ({_cost(recovery)})",
    )


def _cost(recovery: Recovery) -> str:
    cut_off = f", {recovery.cut_off} subscribers cut off" if recovery.cut_off else ""
    return f"{recovery.errors} errors, {recovery.retried} retried of {recovery.samples}{cut_off}"
