"""Invariants: what must hold of a scenario however fast the platform was."""

import logging
from collections.abc import Callable, Iterable
from typing import NoReturn

from tailguard.base.errors import TailguardError
from tailguard.base.interrupts import OverdueError, deadline
from tailguard.base.secrets import mask
from tailguard.record.scenario import Invariant
from tailguard.suite.signature import line_of_failure

log = logging.getLogger(__name__)


class SkippedError(TailguardError):
    """Somebody called `skip`; the message says why. `found` are the invariants that were checked before that."""

    found: tuple[Invariant, ...] = ()


def skip(why: str) -> NoReturn:
    """Leave out what this is called for, because it cannot be had here: `why` names the reason.

    In the invariants, or in a fixture that only they need, it leaves out the invariants; in a fixture that a journey
    needs, the scenario. What is left out is shown with the reason, and has not passed: the limits of the scenario are
    not judged, but for one that is breached.
    """
    raise SkippedError(why)


def expect(name: str, expected: object, observed: object) -> Invariant:
    """Return the invariant that two values are the same."""
    return Invariant(name=name, held=expected == observed, expected=str(expected), observed=str(observed))


def checked(
    scenario: str, check: Callable[[], Iterable[Invariant]], file: str, within_s: float
) -> list[Invariant]:
    """Return all that `check` yields, and one more that did not hold if it yields nothing, breaks off or hangs.

    `file` is where the check was written. Raises SkippedError if the check calls `skip`.
    """
    name = f"the invariants of {scenario} were checked"
    found: list[Invariant] = []
    try:
        with deadline(within_s, lambda what: log.info("checking the invariants of %s %s", scenario, what)):
            found.extend(check())
    except SkippedError as skipped:
        skipped.found = tuple(found)
        raise
    except OverdueError as overdue:
        at = line_of_failure(overdue.__cause__ or overdue, file)
        why = f"left after {within_s:g} s (limits.check_s) at {at}: what it asks does not answer"
        return [*found, Invariant(name=name, held=False, expected="each of them", observed=why)]
    except Exception as failure:  # noqa: BLE001  # whatever the check met leaves the rest unchecked, and is reported so
        why = f"{type(failure).__name__}: {mask(str(failure))} ({line_of_failure(failure, file)})"
        return [*found, Invariant(name=name, held=False, expected="each of them", observed=why)]
    return found or [Invariant(name=name, held=False, expected="at least one", observed="none")]
