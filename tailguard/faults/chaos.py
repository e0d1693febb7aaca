"""Chaos: faults that begin and end by a plan while something else is measured, with the instants kept."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

_JOIN_S = 30.0  # a fault's end may start a server again


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault: `begin` makes it, `end` takes it back after `seconds`. Both may raise: that is noted, not raised."""

    label: str
    seconds: float
    begin: Callable[[], None]
    end: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Window:
    """When a fault really was, on the clock of the samples. `note` says what went wrong with the fault itself."""

    label: str
    began_ns: int
    ended_ns: int
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of run.json."""
        return {name: getattr(self, name) for name in ("label", "began_ns", "ended_ns", "note")}


class Chaos:
    """Injects one fault after the other in a thread of its own, with `calm_s` before each, as long as the `with` lasts.

    `windows` holds what has ended so far; the fault at hand is ended at the end of the `with`, whatever happens.
    """

    def __init__(self, injections: Sequence[Injection], calm_s: float) -> None:
        self._injections, self._calm_s = tuple(injections), calm_s
        self._stop = threading.Event()
        self._at_hand = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos", daemon=True)
        self.windows: list[Window] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(_JOIN_S)

    @property
    def labels(self) -> list[str]:
        """Return the faults of the plan, in order."""
        return [each.label for each in self._injections]

    @property
    def at_hand(self) -> bool:
        """Whether a fault has begun that is not all taken back yet."""
        return self._at_hand.is_set()

    @property
    def planned_s(self) -> float:
        """How long the whole plan takes, the calm after its last fault included."""
        return sum(each.seconds + self._calm_s for each in self._injections) + self._calm_s

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
        self.windows.append(Window(injection.label, began_ns, time.monotonic_ns(), "; ".join(notes)))


def _tried(action: Callable[[], None]) -> list[str]:
    try:
        action()
    except Exception as error:  # noqa: BLE001 - a fault that cannot be made is told in the report, it ends no run
        return [f"{type(error).__name__}: {error}"]
    return []
