"""What must hold of the spectators of a feed: nobody dropped or, if a run cuts them off, everybody back."""

from collections.abc import Iterator

import tailguard as tg
from tailguard.websocket import BroadcastLostError, Totals


def never_dropped(totals: Totals) -> Iterator[tg.Invariant]:
    """Yield whether all connections held."""
    yield tg.expect("no spectator was dropped", 0, totals.dropped)


def after_drops(totals: Totals, samples: tg.Samples) -> Iterator[tg.Invariant]:
    """Yield whether those who were cut off came back, and lost nothing while in the room.

    What was sent meanwhile is missed, not lost: the platform repeats no event, and a client that comes back reads the
    state anew.
    """
    name = BroadcastLostError.__name__
    lost = (samples.error == samples.errors.index(name)).sum() if name in samples.errors else 0
    yield tg.Invariant(
        name="no broadcast was lost to a spectator in the room",
        held=not lost,
        expected="0",
        observed=f"{lost}; {totals.missed} missed by those cut off",
    )
    yield tg.Invariant(
        name="every spectator that was cut off reconnected",
        held=not totals.away,
        expected="0 disconnected",
        observed=f"{totals.away} disconnected after {totals.dropped} drops",
    )
