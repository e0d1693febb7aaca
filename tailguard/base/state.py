"""The four states of a verdict: their order of severity and their exit codes."""

from collections.abc import Iterable
from enum import StrEnum


class State(StrEnum):
    """INVALID: the measurement cannot be trusted. INCONCLUSIVE: it is sound, but too little or too close to tell."""

    PASS = "PASS"  # noqa: S105  # a verdict, not a password
    INCONCLUSIVE = "INCONCLUSIVE"
    FAIL = "FAIL"
    INVALID = "INVALID"

    @property
    def severity(self) -> int:
        """0 for PASS, rising."""
        return _ORDER.index(self)

    @property
    def exit_code(self) -> int:
        """What a command ends with if this is its worst state."""
        return _EXIT_CODES[self]


# From the best to the worst. INVALID is worse than FAIL: if the measurement cannot be trusted, its FAIL cannot be
# either, and "measure again" is the next step, not "look for the slow code".
_EXIT_CODES = {State.PASS: 0, State.INCONCLUSIVE: 75, State.FAIL: 99, State.INVALID: 65}
_ORDER = tuple(_EXIT_CODES)


def worst(states: Iterable[State]) -> State:
    """Return the most severe state; INVALID if there is none, for an unasked question never passes."""
    return max(states, key=lambda state: state.severity, default=State.INVALID)
