"""What a fault cost, from samples and windows alone: failures, and how long they went on after its end."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tailguard.faults.chaos import Window
from tailguard.record.samples import ERROR, Samples
from tailguard.websocket.subscribers import Outage

_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class Recovery:
    """One fault and what it did to one scenario.

    `samples` ended after its begin and began before the next fault; `errors` of them failed and `retried` were
    retried. `cut_off` subscribers lost their connection. `recovered_s` is the time from the fault's end until the last
    of all these had ended; 0 where none came after.
    """

    label: str
    scenario: str
    samples: int
    errors: int
    retried: int
    recovered_s: float
    cut_off: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of run.json."""
        return asdict(self)


def recoveries(
    samples: Mapping[str, Samples],
    windows: Sequence[Window],
    outages: Mapping[str, Sequence[Outage]] | None = None,
) -> list[Recovery]:
    """Return the recovery of each scenario from each fault; a trouble belongs to the last fault that had begun.

    `outages` are those of the scenarios that have subscribers.
    """
    found, outages = [], outages or {}
    for number, window in enumerate(windows):
        until_ns = windows[number + 1].began_ns if number + 1 < len(windows) else np.iinfo(np.int64).max
        found += [
            _recovery(slug, each, window, until_ns, outages.get(slug, ())) for slug, each in samples.items()
        ]
    return found


def _recovery(
    slug: str, samples: Samples, window: Window, until_ns: int, outages: Sequence[Outage]
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
