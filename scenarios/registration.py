"""Registration: a player joins a tournament.

Who: players of the platform, each joining a tournament at most once. What: one call; the platform checks state,
capacity and duplicates and writes the entry in one transaction. Data: most arrivals spread over the open
tournaments, every tenth goes to one hot tournament, every twenty-fifth to one that is full and must refuse it
cleanly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tailguard as tg
from perf.invariants import count_is
from perf.offer import Offer
from perf.platform import REFUSALS, Registers, RowId
from tailguard.postgres import Reader

HOT_EVERY = 10
FULL_EVERY = 25
# So few that their places are gone within the first seconds of any profile, and the rest must be refused.
SMALL = 4
# Each tournament beside the number of its entries. Counted once: a count for each tournament took 0.3 s here.
TOURNAMENTS_AND_ENTRIES = """FROM tournaments_tournament t LEFT JOIN
    (SELECT tournament_id, count(*) AS entries FROM tournaments_registration WHERE NOT is_deleted GROUP BY 1) r
    ON r.tournament_id = t.id"""


@dataclass(frozen=True, slots=True)
class Entries:
    """Who joins what in an iteration: a pure function of its number, so that a supply never ends and never repeats."""

    users: Sequence[int]
    open_tournaments: Sequence[RowId]
    hot_tournament: RowId
    full_tournaments: Sequence[RowId]

    @property
    def supply(self) -> int:
        """How many iterations follow each other before somebody joins a tournament again."""
        return len(self.users) * min(HOT_EVERY, len(self.open_tournaments))

    def at(self, number: int) -> tuple[RowId, int]:
        """Return (tournament, user) of an iteration; warm-up (negative) takes users from the far end."""
        if self.full_tournaments and number >= 0 and number % FULL_EVERY == FULL_EVERY - 1:
            return self._pick(self.full_tournaments, number)
        if number % HOT_EVERY == 0 and self.hot_tournament != self.open_tournaments[0]:
            return self.hot_tournament, self.users[number // HOT_EVERY % len(self.users)]
        return self._pick(self.open_tournaments, number)

    def _pick(self, tournaments: Sequence[RowId], number: int) -> tuple[RowId, int]:
        # A full round of users passes before the next shift of tournaments: no pair comes twice.
        round_, user = divmod(number, len(self.users))
        return tournaments[(user + round_) % len(tournaments)], self.users[user]


@tg.fixture(scope="run")
def entries(offer: Offer, run: tg.Run) -> Entries:
    """Who joins what. Raises UsageError if the blocks of a duet would let somebody join again."""
    rows = offer.rows_for("registration")
    found = Entries(rows.users, rows.open_tournaments, rows.hot_tournament, rows.small_tournaments[:SMALL])
    needed = run.planned_in_all.get("registration", 0)
    if needed > found.supply:
        raise tg.UsageError(
            f"{len(rows.users)} users and {len(rows.open_tournaments)} tournaments last for {found.supply:,}"
            f" registrations, and this duet's blocks may take {needed:,}: give the pools more rows, or fewer --pairs"
        )
    return found


# One in twenty-five is refused on purpose; twice as many would be a defect.
@tg.scenario(rate="100/s", steps=["register"], refusals=REFUSALS, slo=["refusal rate <= 8%"])
def registration(it: tg.Iteration, platform: Registers, entries: Entries) -> None:
    """Join."""
    tournament, user = entries.at(it.number)
    entered = it.step("register", platform.register, tournament, user)
    assert entered.user_id == user


@registration.invariants
def holds(database: Reader, samples: tg.Samples) -> Iterator[tg.Invariant]:
    """Capacity, uniqueness, completeness."""
    yield from count_is(
        database,
        "no tournament is over its capacity",
        f"SELECT count(*) {TOURNAMENTS_AND_ENTRIES} WHERE max_participants < coalesce(entries, 0)",
    )
    yield from count_is(
        database,
        "nobody is registered twice",
        """SELECT count(*) FROM (SELECT 1 FROM tournaments_registration
           GROUP BY tournament_id, user_id HAVING count(*) > 1) twice""",
    )
    yield from count_is(
        database,
        "every registration has its payment row",
        """SELECT count(*) FROM tournaments_registration r
           LEFT JOIN tournaments_paymentverification p ON p.registration_id = r.id WHERE p.id IS NULL""",
    )
    yield from count_is(
        database,
        "every tournament's counter agrees with its rows",
        f"SELECT count(*) {TOURNAMENTS_AND_ENTRIES} WHERE participant_count <> coalesce(entries, 0)",
    )
    # Warm-up joined some too, so the rows may be more than the acknowledged samples, never fewer.
    yield from count_is(
        database,
        "every acknowledged registration has a row",
        """SELECT greatest(0, %s - count(*)) FROM tournaments_registration r
           JOIN tournaments_tournament t ON t.id = r.tournament_id WHERE t.status = 'registration_open'""",
        int(samples.ok("register").sum()),
    )
