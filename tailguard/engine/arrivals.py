"""Arrivals: who hands out the starts of a scenario's iterations, in whatever kind of run."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True)  # frozen, it would cost each iteration half a microsecond more
class Start:
    """An iteration to begin now.

    Attributes:
        number: the iteration's own, unique in a run.
        due_ns: when it was intended to start.
        late_ns: how late it is on our own account; -1 if nobody was free in time, so that the delay is the platform's.
        began_ns: now.
    """

    number: int
    due_ns: int
    late_ns: int
    began_ns: int


class Arrivals(Protocol):
    """Hands out starts until it is closed, to any number of virtual users."""

    def claim(self) -> Start | None:
        """Wait for the next start; None if there is none left."""
        ...

    def close(self) -> None:
        """Hand out nothing more, not even what is already due."""
        ...

    def unserved_ns(self) -> list[int]:
        """Return the instants at which iterations were due that nobody began; to be asked once, after `close`."""
        ...
