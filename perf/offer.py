"""What the platform under test offers: which rows scenarios work on, and which steps it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import tailguard as tg
from perf.platform import RowId
from reference.seed import Seeded

# A match, and the user who submits its results.
Played: TypeAlias = tuple[RowId, int]


@dataclass(frozen=True, slots=True)
class Rows:
    """The platform's rows, as scenarios make their data of them.

    Attributes:
        users: their numbers.
        hot_tournament: the one that every tenth joins.
        open_tournaments: others that one can join.
        small_tournaments: those that are full, or soon.
        watched_tournament: the one whose matches are watched.
        watched: its matches.
        unwatched: matches whose results nobody watches.
        wallets: two of a pair beside each other.
        awards: registrations that certificates are for.
    """

    users: Sequence[int]
    hot_tournament: RowId
    open_tournaments: Sequence[RowId]
    small_tournaments: Sequence[RowId]
    watched_tournament: RowId
    watched: Sequence[Played]
    unwatched: Sequence[Played]
    wallets: Sequence[RowId]
    awards: Sequence[RowId]


@dataclass(frozen=True, slots=True)
class World:
    """What an adapter of your own is called with: the ids that its steps will be given.

    Attributes:
        rows: the ids. They are rows of the seed, in the tables of `reference/schema.sql`.
        conninfo: where those tables are, libpq's way, with their schema as the search path. An adapter may work on
            them, or on a database of its own in which these ids stand for rows of its own.
    """

    rows: Rows
    conninfo: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EventPaths:
    """Where an event of the feed has a match's scores and the time of its update: dotted paths."""

    score1: str = "data.participant1_score"
    score2: str = "data.participant2_score"
    updated_at: str = "data.updated_at"


@dataclass(frozen=True, slots=True)
class Offer:
    """`absent` has the steps that the platform lacks, `skipped` the scenarios that cannot be played; each with why.

    `together` results of a match are submitted at once, of which one may be accepted; with 1, each is on its own. If
    they are `audited`, each that is accepted has its row in the audit log.
    """

    rows: Rows
    absent: Mapping[str, str]
    skipped: Mapping[str, str]
    event: EventPaths = EventPaths()
    together: int = 1
    audited: bool = True

    def rows_for(self, scenario: str) -> Rows:
        """Return the rows; a scenario that cannot be played is skipped."""
        if why := self.skipped.get(scenario):
            tg.skip(why)
        return self.rows


def rows_of(seeded: Seeded) -> Rows:
    """Return the reference platform's rows."""
    watched, *others = seeded.live_tournaments
    return Rows(
        users=seeded.users,
        hot_tournament=seeded.hot_tournament,
        open_tournaments=seeded.open_tournaments,
        small_tournaments=seeded.small_tournaments,
        watched_tournament=watched,
        watched=_played(seeded, watched),
        unwatched=[each for live in others for each in _played(seeded, live)],
        wallets=seeded.wallets,
        awards=seeded.awards,
    )


def _played(seeded: Seeded, live_tournament: int) -> list[Played]:
    return [(match, seeded.participants(match)[0]) for match in seeded.matches_of(live_tournament)]
