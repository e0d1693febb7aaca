"""The reference platform's seeded rows, as one worker of several may use them."""

from dataclasses import dataclass, fields

from reference.seed import Seeded, SeedSize


@dataclass(frozen=True, slots=True)
class LaneSeeded(Seeded):
    """Matches, whose versions a worker must know, are its lane's own; all else is shared by turns."""

    lane: int
    lanes: int

    def matches_of(self, live_tournament: int) -> range:
        """Return this lane's match ids of a live tournament."""
        return Seeded.matches_of(self, live_tournament)[self.lane :: self.lanes]


def seeded_for(lane: int, lanes: int) -> LaneSeeded:
    """Return the rows that a seed of full size has, for one lane."""
    whole = Seeded.of(SeedSize())
    ranges = {each.name: getattr(whole, each.name) for each in fields(Seeded)}
    return LaneSeeded(**ranges, lane=lane, lanes=lanes)
