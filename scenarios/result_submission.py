"""Result submission: a participant records a match's score.

Who: one participant of each match. What: an update with an optimistic version check; a stale version is refused
cleanly. Data: a pool of matches, each submitted again and again with the version its last submission returned;
every fiftieth arrival sends a stale one on purpose, as a phone with an old page would. Where a mapping says
`together = 2`, two results of a match are submitted at one instant instead, and one of them may be accepted.
"""

from collections.abc import Iterator, Sequence

import tailguard as tg
from perf.invariants import count_is
from perf.matches import FIRST_VERSION, Matches
from perf.offer import Offer, Played
from perf.platform import REFUSALS, SubmitsResults
from tailguard.postgres import Reader

STALE_EVERY = 50


@tg.fixture(scope="run")
def played(offer: Offer) -> Sequence[Played]:
    """The matches of all live tournaments but the watched one, which is the broadcasts' own."""
    return offer.rows_for("result_submission").unwatched


@tg.fixture
def matches(played: Sequence[Played], shard: tg.Shard) -> Matches:
    """This process's part of them, as nobody else may know their versions."""
    return Matches(played[shard.index :: shard.count])


@tg.fixture
def together(offer: Offer) -> int:
    """How many results of a match are submitted at one instant; one of them may be accepted."""
    return offer.together


# One in fifty is stale on purpose.
@tg.scenario(rate="100/s", steps=["submit"], refusals=REFUSALS, slo=["refusal rate <= 6%"])
def result_submission(it: tg.Iteration, platform: SubmitsResults, matches: Matches, together: int) -> None:
    """Submit."""
    if together > 1:
        it.step("submit", matches.at(it.number).submit_together, it, platform, together)
        return
    stale = it.number % STALE_EVERY == STALE_EVERY - 1
    it.step("submit", matches.at(it.number).submit, platform, it.number, stale=stale)


@result_submission.invariants
def holds(database: Reader, matches: Matches, offer: Offer, samples: tg.Samples) -> Iterator[tg.Invariant]:
    """One winner of each state change, and every acknowledged one in the audit log."""
    if not offer.audited:
        yield from count_is(
            database,
            "no version of a match has two winners",
            """SELECT count(*) FROM (SELECT FROM tournaments_auditlog WHERE match_id = ANY(%s)
                   AND from_version IS NOT NULL GROUP BY match_id, from_version HAVING count(*) > 1) twice""",
            matches.ids,
        )
        return
    yield from count_is(
        database,
        "each version of a match has one winner",
        """SELECT count(*) FROM (
               SELECT FROM tournament_engine_match_match m LEFT JOIN tournaments_auditlog a ON a.match_id = m.id
               WHERE m.id = ANY(%s) GROUP BY m.id
               HAVING count(a.id) <> m.version - %s OR count(DISTINCT a.from_version) <> m.version - %s
                   OR min(a.from_version) < %s) wrong""",
        matches.ids,
        FIRST_VERSION,
        FIRST_VERSION,
        FIRST_VERSION,
    )
    # Warm-up submitted some too, so the changes may be more than the acknowledged samples, never fewer.
    yield from count_is(
        database,
        "every acknowledged result is in the audit log",
        "SELECT greatest(0, %s - count(*)) FROM tournaments_auditlog WHERE match_id = ANY(%s)",
        int(samples.ok("submit").sum()),
        matches.ids,
    )
