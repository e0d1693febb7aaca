"""Broadcasts over several workers: when the last spectator of any of them had each.

A worker knows its own spectators only. The master joins their receipts by the event's id: a broadcast ends at the last
spectator anywhere, and one that some spectator of any worker never had is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailguard.websocket.subscribers import BroadcastLostError

LOST = BroadcastLostError.__name__


@dataclass(frozen=True, slots=True)
class WorkerReceipts:
    """What one worker's spectators saw.

    Attributes:
        spectators: how many they were.
        since_ns: since when, in the master's clock; 0 if they were there before the first broadcast.
        receipts: array of `RECEIPT`, in their worker's clock.
        shift_ns: what is added to their instants to have them on the master's clock.
    """

    spectators: int
    since_ns: int
    receipts: NDArray[Any]
    shift_ns: int

    def of(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Say for each id whether all spectators had that event and, if so, when the last did (master's clock)."""
        known, first = np.unique(self.receipts["id"], return_index=True)
        if not len(known):
            return np.zeros(len(ids), np.bool_), np.zeros(len(ids), np.int64)
        place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        receipt = self.receipts[first[place]]
        whole = (receipt["id"] == ids) & (receipt["count"] >= self.spectators)
        return whole, np.where(whole, receipt["last_ns"] + self.shift_ns, 0)


@dataclass(slots=True)
class Ends:
    """When the broadcasts of one worker really ended.

    A broadcast's sample is found by the instant at which its own worker's last spectator had it: that is what the
    worker recorded as its end, and no two events of one process share it.

    Attributes:
        own_ns: that instant, ascending, in the worker's clock.
        ended_ns: when the last spectator anywhere had it, in the master's.
        lost: whether some spectator of another worker never had it.
        joined, moved, lost_count, unmatched: how many samples were found, ended later than their worker knew, were
            lost elsewhere, and are of no event that the worker's spectators had; counted by `put`.
    """

    own_ns: NDArray[np.int64]
    ended_ns: NDArray[np.int64]
    lost: NDArray[np.bool_]
    joined: int = 0
    moved: int = 0
    lost_count: int = 0
    unmatched: int = 0

    def put(
        self, own_ns: NDArray[np.int64], ok: NDArray[np.bool_], ended_ns: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Move the ends of samples, given by their own end and whether they are ok; returns which of them are lost."""
        place = np.minimum(np.searchsorted(self.own_ns, own_ns), max(len(self.own_ns) - 1, 0))
        found = ok & (self.own_ns[place] == own_ns) if len(self.own_ns) else np.zeros(len(own_ns), np.bool_)
        at = place[found]
        lost = np.zeros(len(own_ns), np.bool_)
        lost[found] = self.lost[at]
        self.joined += len(at)
        self.unmatched += int(np.count_nonzero(ok)) - len(at)
        self.lost_count += int(np.count_nonzero(lost))
        self.moved += int(np.count_nonzero(self.ended_ns[at] > ended_ns[found]))
        ended_ns[found] = np.maximum(ended_ns[found], self.ended_ns[at])
        return lost


def join(own: WorkerReceipts, others: Sequence[WorkerReceipts]) -> Ends:
    """Join the events that all spectators of `own` had with what the spectators of the `others` saw of them."""
    whole = own.receipts[own.receipts["count"] >= own.spectators]
    events = whole[np.argsort(whole["last_ns"], kind="stable")]
    ended_ns = events["last_ns"] + own.shift_ns
    lost = np.zeros(len(events), np.bool_)
    for other in others:
        reached, last_ns = other.of(events["id"])
        due = events["first_ns"] + own.shift_ns >= other.since_ns
        ended_ns = np.where(reached, np.maximum(ended_ns, last_ns), ended_ns)
        lost |= due & ~reached
    return Ends(events["last_ns"].copy(), ended_ns, lost)
