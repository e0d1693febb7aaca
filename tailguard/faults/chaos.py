"""Chaos: faults that begin and end by a plan while something else is measured, with the instants kept."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from tailguard.record.chaos import FaultWindow

_JOIN_S = 30.0  # a fault's end may start a server again


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault: `begin` makes it, `end` takes it back after `seconds`. Both may raise: that is noted, not raised."""

    label: str
    seconds: float
    begin: Callable[[], None]
    end: Callable[[], None]


class FaultInjector:
    """Injects one fault after the other in a thread of its own, with `calm_s` before each, as long as the `with` lasts.

    `windows` holds what has ended so far; the fault at hand is ended at the end of the `with`, whatever happens.
    """

    def __init__(self, injections: Sequence[Injection], calm_s: float) -> None:
        self._injections, self._calm_s = tuple(injections), calm_s
        self._stop = threading.Event()
        self._at_hand = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos", daemon=True)
        self.windows: list[FaultWindow] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_JOIN_S)

    @property
    def labels(self) -> tuple[str, ...]:
        """The faults of the plan, in order."""
        return tuple(each.label for each in self._injections)

    @property
    def at_hand(self) -> bool:
        """Whether a fault has begun and has not fully ended."""
        return self._at_hand.is_set()

    def _run(self) -> None:
        for injection in self._injections:
            if self._stop.wait(self._calm_s):
                return
            self._inject(injection)

    def _inject(self, injection: Injection) -> None:
        began_ns = time.monotonic_ns()
        self._at_hand.set()
        notes = _tried(injection.begin)
        self._stop.wait(injection.seconds)
        notes += _tried(injection.end)
        self._at_hand.clear()
        window = FaultWindow(
            label=injection.label,
            began_ns=began_ns,
            ended_ns=time.monotonic_ns(),
            note="; ".join(notes),
        )
        self.windows.append(window)


def _tried(action: Callable[[], None]) -> list[str]:
    try:
        action()
    except Exception as error:  # noqa: BLE001 - a fault that cannot be injected is reported; it does not end the run
        return [f"{type(error).__name__}: {error}"]
    return []
