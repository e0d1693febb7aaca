"""Result submission: a participant records a match's score.

Who: one participant of each match. What: an update with an optimistic version check; a stale version is refused
cleanly. Data: a pool of matches, each submitted again and again with the version its last submission returned;
every fiftieth arrival sends a stale one on purpose, as a phone with an old page would.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perf.invariants import count_is
from perf.platform import REFUSALS, Platform, Submitted
from tailguard.engine.iteration import Session
from tailguard.engine.scenario import Scenario
from tailguard.pipeline.world import World
from tailguard.record.samples import Samples
from tailguard.record.scenario import Invariant

STALE_EVERY = 50
FIRST_VERSION = 1  # what a seeded match has


@dataclass(frozen=True, slots=True)
class Matches:
    """A pool of matches and the version that their participants believe in; one arrival at a time uses a match."""

    ids: tuple[int, ...]
    participants: tuple[int, ...]
    versions: list[int | None]

    def submit(self, platform: Platform, turn: int) -> Submitted:
        """Submit the result of this turn's match and remember the version that it got."""
        index = turn % len(self.ids)
        version = self.versions[index]
        if turn % STALE_EVERY == STALE_EVERY - 1 and version is not None:
            version -= 1
        score = abs(turn) % 1000 + 1
        submitted = platform.submit_result(self.ids[index], self.participants[index], score, 0, version)
        self.versions[index] = submitted.version
        return submitted


def prepare(world: World, settings: Mapping[str, Any]) -> Matches:
    """Take the matches of all live tournaments but the first, which is the broadcasts' own."""
    seeded = world.seeded
    matches = [match for live in seeded.live_tournaments[1:] for match in seeded.matches_of(live)]
    return Matches(
        tuple(matches),
        tuple(seeded.participants(match)[0] for match in matches),
        [FIRST_VERSION] * len(matches),
    )


def journey(session: Session, platform: Platform, data: Matches) -> None:
    """Submit."""
    session.step("submit", data.submit, platform, session.turn)


def invariants(world: World, data: Matches, samples: Samples) -> list[Invariant]:
    """One winner of each state change, and every acknowledged one in the audit log."""
    return [
        count_is(
            world,
            "each version of a match has one winner",
            """SELECT count(*) FROM (
                   SELECT FROM tournament_engine_match_match m LEFT JOIN tournaments_auditlog a ON a.match_id = m.id
                   WHERE m.id = ANY(%s) GROUP BY m.id
                   HAVING count(a.id) <> m.version - %s OR count(DISTINCT a.from_version) <> m.version - %s
                       OR min(a.from_version) < %s) wrong""",
            list(data.ids),
            FIRST_VERSION,
            FIRST_VERSION,
            FIRST_VERSION,
        ),
        # Warm-up submitted some too, so the changes may be more than the acknowledged samples, never fewer.
        count_is(
            world,
            "every acknowledged result is in the audit log",
            "SELECT greatest(0, %s - count(*)) FROM tournaments_auditlog WHERE match_id = ANY(%s)",
            len(samples.response_ms("submit")),
            list(data.ids),
        ),
    ]


SCENARIO = Scenario(
    slug="result_submission",
    title="Result submission",
    steps=("submit",),
    needs=frozenset({"postgres"}),
    journey=journey,
    prepare=prepare,
    invariants=invariants,
    refusals=REFUSALS,
)
