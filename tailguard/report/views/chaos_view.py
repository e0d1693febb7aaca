"""A run under faults ready to show: each fault, when it was and what it cost."""

from dataclasses import dataclass

from tailguard.record.chaos import Chaos, Recovery

_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class FaultEffect:
    """A fault in one scenario; `began_s` counts from the first fault of the run."""

    recovery: Recovery
    began_s: float
    lasted_s: float

    @property
    def felt(self) -> bool:
        """Whether any call failed or was retried under it."""
        return bool(self.recovery.errors or self.recovery.retried)


def effects_of(chaos: Chaos | None) -> tuple[FaultEffect, ...]:
    """Return every fault in every scenario that it met; those with an effect come first."""
    if chaos is None:
        return ()
    windows = {window.label: window for window in chaos.windows}
    first_ns = min((window.began_ns for window in chaos.windows), default=0)
    found = [
        FaultEffect(
            recovery,
            (windows[recovery.label].began_ns - first_ns) / _NS_PER_S,
            (windows[recovery.label].ended_ns - windows[recovery.label].began_ns) / _NS_PER_S,
        )
        for recovery in chaos.recoveries
        if recovery.samples
    ]
    return tuple(sorted(found, key=lambda effect: not effect.felt))
