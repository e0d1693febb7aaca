"""What keeps samples from deciding alone: a doubtful measurement, invariants left out, no limit stated."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tailguard.base.state import State
from tailguard.record.scenario import Invariant


@dataclass(frozen=True, slots=True)
class Caution:
    """What is said against a decision.

    `distrust` are reasons not to believe the measurement (INVALID); `unchecked` are invariants that were left out: what
    was fast may have been wrong (no PASS); `unlimited` is the scenario, if nobody stated a limit for it (no PASS).
    """

    distrust: Sequence[str] = ()
    unchecked: Sequence[str] = ()
    unlimited: str = ""

    def weigh(self, state: State, why: str) -> tuple[State, str]:
        """Return the state and the reason of a decision with all that is said against it."""
        return self._distrusted(*self._checked(*self._asked(state, why)))

    def _asked(self, state: State, why: str) -> tuple[State, str]:
        if not self.unlimited or state in {State.FAIL, State.INVALID}:
            return state, why
        told = f"nothing to judge: no limit is stated for {self.unlimited}; this alone: {why}"
        return State.INCONCLUSIVE, told

    def _checked(self, state: State, why: str) -> tuple[State, str]:
        if not self.unchecked or state is not State.PASS:
            return state, why
        told = f"not judged, as invariants were not checked: {'; '.join(self.unchecked)} (the samples alone: {why})"
        return State.INCONCLUSIVE, told

    def _distrusted(self, state: State, why: str) -> tuple[State, str]:
        reasons = "; ".join(self.distrust)
        if not reasons:
            return state, why
        if state is State.INVALID:
            return state, f"{why}; {reasons}"
        return State.INVALID, f"{reasons} (the samples alone would say {state}: {why})"


def broken(invariants: Iterable[Invariant]) -> Iterator[str]:
    """Yield a reason for each invariant that did not hold."""
    return (
        f"invariant broken: {each.name} (expected {each.expected}, observed {each.observed})"
        for each in invariants
        if not each.held
    )
