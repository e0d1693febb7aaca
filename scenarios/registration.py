"""Registration: a player joins a tournament.

Who: players of the platform, each joining a tournament at most once. What: one call; the platform checks state,
capacity and duplicates and writes the entry in one transaction. Data: most arrivals spread over the open
tournaments, every tenth goes to one hot tournament, every twenty-fifth to one that is full and must refuse it
cleanly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perf.invariants import count_is
from perf.platform import REFUSALS, Platform
from tailguard.engine.iteration import Session
from tailguard.engine.scenario import Scenario
from tailguard.pipeline.world import World
from tailguard.record.samples import Samples
from tailguard.record.scenario import Invariant

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
    """Who joins what at a given turn: a pure function, so that a supply never ends and never repeats."""

    users: int
    first_user: int
    open_tournaments: Sequence[int]
    hot_tournament: int
    full_tournaments: Sequence[int]

    def at(self, turn: int) -> tuple[int, int]:
        """Return (tournament, user) of a turn; warm-up turns (negative) take users from the far end."""
        if turn >= 0 and turn % FULL_EVERY == FULL_EVERY - 1:
            return self._pick(self.full_tournaments, turn)
        if turn % HOT_EVERY == 0:
            return self.hot_tournament, self._user(turn // HOT_EVERY)
        return self._pick(self.open_tournaments, turn)

    def _pick(self, tournaments: Sequence[int], turn: int) -> tuple[int, int]:
        # A full round of users passes before the next shift of tournaments: no pair comes twice.
        round_, user = divmod(turn, self.users)
        return tournaments[(user + round_) % len(tournaments)], self._user(user)

    def _user(self, number: int) -> int:
        return self.first_user + number % self.users


def prepare(world: World, settings: Mapping[str, Any]) -> Entries:
    """Take the seeded users and tournaments."""
    seeded = world.seeded
    return Entries(
        users=len(seeded.users),
        first_user=seeded.users[0],
        open_tournaments=seeded.open_tournaments,
        hot_tournament=seeded.hot_tournament,
        full_tournaments=seeded.small_tournaments[:SMALL],
    )


def journey(session: Session, platform: Platform, data: Entries) -> None:
    """Join."""
    tournament, user = data.at(session.turn)
    session.step("register", platform.register, tournament, user)


def invariants(world: World, data: Entries, samples: Samples) -> list[Invariant]:
    """Capacity, uniqueness, completeness."""
    return [
        count_is(
            world,
            "no tournament is over its capacity",
            f"SELECT count(*) {TOURNAMENTS_AND_ENTRIES} WHERE max_participants < coalesce(entries, 0)",
        ),
        count_is(
            world,
            "nobody is registered twice",
            """SELECT count(*) FROM (SELECT 1 FROM tournaments_registration
               GROUP BY tournament_id, user_id HAVING count(*) > 1) twice""",
        ),
        count_is(
            world,
            "every registration has its payment row",
            """SELECT count(*) FROM tournaments_registration r
               LEFT JOIN tournaments_paymentverification p ON p.registration_id = r.id WHERE p.id IS NULL""",
        ),
        count_is(
            world,
            "every tournament's counter agrees with its rows",
            f"SELECT count(*) {TOURNAMENTS_AND_ENTRIES} WHERE participant_count <> coalesce(entries, 0)",
        ),
        # Warm-up joined some too, so the rows may be more than the acknowledged samples, never fewer.
        count_is(
            world,
            "every acknowledged registration has a row",
            """SELECT greatest(0, %s - count(*)) FROM tournaments_registration r
               JOIN tournaments_tournament t ON t.id = r.tournament_id WHERE t.status = 'registration_open'""",
            len(samples.response_ms("register")),
        ),
    ]


SCENARIO = Scenario(
    slug="registration",
    title="Registration",
    steps=("register",),
    needs=frozenset({"postgres"}),
    journey=journey,
    prepare=prepare,
    invariants=invariants,
    refusals=REFUSALS,
)
