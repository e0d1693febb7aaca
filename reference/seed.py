"""A populated platform: set-based, deterministic, with ids that a caller can compute from a row's number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from reference.bulk import fill
from reference.database import with_search_path
from reference.side_by_side import side_by_side

# The wallet and the reference whose histories the two migrations serve, with the number of rows each has at full size.
WALLET_ID, WALLET_ROWS, LEDGER_ROWS = 42, 1_234, 90_000
REF_ID, REF_ROWS, MODERATION_ROWS = "TRN-2025-001", 892, 68_726


@dataclass(frozen=True, slots=True)
class SeedSize:
    """How much to make. Defaults carry the longest profile; tests pass small numbers."""

    users: int = 20_000  # one registration each per tournament
    open_tournaments: int = 200
    small_tournaments: int = 400  # two places each: they fill up at once
    live_tournaments: int = 4
    matches_per_tournament: int = 500
    awards: int = 8_000  # registrations in a completed tournament: each can be given certificates
    wallets: int = 2_000
    ledger_rows: int = LEDGER_ROWS
    wallet_rows: int = WALLET_ROWS
    moderation_rows: int = MODERATION_ROWS
    ref_rows: int = REF_ROWS


@dataclass(frozen=True, slots=True)
class Seeded:
    """Where the rows are: ranges of ids. Tournament 1 is the hot one."""

    users: range
    hot_tournament: int
    open_tournaments: range
    small_tournaments: range
    live_tournaments: range
    completed_tournament: int
    awards: range  # registration ids
    wallets: range
    matches: range
    matches_per_tournament: int

    def matches_of(self, live_tournament: int) -> range:
        """Return the match ids of one live tournament."""
        first = 1 + (live_tournament - self.live_tournaments.start) * self.matches_per_tournament
        return range(first, first + self.matches_per_tournament)

    def participants(self, match_id: int) -> tuple[int, int]:
        """Return the user ids that play a match."""
        count = len(self.users)
        return (2 * match_id - 2) % count + 1, (2 * match_id - 1) % count + 1

    @classmethod
    def of(cls, size: SeedSize) -> "Seeded":
        """Return the ranges that a seed of this size has."""
        opened = range(2, 2 + size.open_tournaments)
        small = range(opened.stop, opened.stop + size.small_tournaments)
        live = range(small.stop, small.stop + size.live_tournaments)
        return cls(
            users=range(1, size.users + 1),
            hot_tournament=1,
            open_tournaments=opened,
            small_tournaments=small,
            live_tournaments=live,
            completed_tournament=live.stop,
            awards=range(1, size.awards + 1),
            wallets=range(1, size.wallets + 1),
            matches=range(1, size.live_tournaments * size.matches_per_tournament + 1),
            matches_per_tournament=size.matches_per_tournament,
        )


# Names as they occur: the first letters of a few alphabets, combining marks and an emoji outside the basic plane.
NAMES = ("Curaçao", "東京", "Δ-Crown", "🏆 Champion", "Ølafur", "বাংলা", "Zoë", "أمين", "O'Neil", "Žižka")

# Tables of up to millions of rows: to check each row's constraints as it comes takes twice as long as all the rest.
_LARGE = {"ledger": "economy_economytransaction"}

_SMALLEST_OF = "a seed needs {}: {} is too few, give at least {}"

_ACCOUNTS: LiteralString = """
INSERT INTO accounts_user (id, username, email, is_staff)
SELECT n, 'player-' || n || ' ' || (%(names)s::text[])[1 + n %% array_length(%(names)s::text[], 1)],
       'player-' || n || '@example.org', n = 1
FROM generate_series(1, %(users)s) n
"""

_TOURNAMENTS: LiteralString = """
INSERT INTO tournaments_tournament
    (id, slug, name, status, organizer_id, min_participants, max_participants, participant_count)
SELECT n, 'tournament-' || n, 'Cup ' || n || ' ' || (%(names)s::text[])[1 + n %% array_length(%(names)s::text[], 1)],
       CASE WHEN n < %(first_live)s THEN 'registration_open' WHEN n < %(completed)s THEN 'live' ELSE 'completed' END,
       1, 2,
       CASE WHEN n >= %(first_small)s AND n < %(first_live)s THEN 2 ELSE 1000000 END,
       CASE WHEN n = %(completed)s THEN %(awards)s ELSE 0 END
FROM generate_series(1, %(completed)s) n
"""

_AWARDS: LiteralString = """
INSERT INTO tournaments_registration (id, tournament_id, user_id, status, registered_at)
SELECT n, %(completed)s, n, 'confirmed', now() FROM generate_series(1, %(awards)s) n
"""

_AWARD_PAYMENTS: LiteralString = """
INSERT INTO tournaments_paymentverification (registration_id, status)
SELECT n, 'verified' FROM generate_series(1, %(awards)s) n
"""

# Alternating live and pending_result: both accept a result, and a pending one may be submitted again without end.
_MATCHES: LiteralString = """
INSERT INTO tournament_engine_match_match
    (id, tournament_id, round_number, match_number,
     participant1_id, participant1_name, participant2_id, participant2_name, state)
SELECT n, %(first_live)s + (n - 1) / %(per_tournament)s, 1, 1 + (n - 1) %% %(per_tournament)s,
       one.id, one.username, two.id, two.username, CASE n %% 2 WHEN 0 THEN 'live' ELSE 'pending_result' END
FROM generate_series(1, %(matches)s) n
JOIN accounts_user one ON one.id = (2 * n - 2) %% %(users)s + 1
JOIN accounts_user two ON two.id = (2 * n - 1) %% %(users)s + 1
"""

_WALLETS: LiteralString = """
INSERT INTO economy_deltacrownwallet (id, profile_id) SELECT n, n FROM generate_series(1, %(wallets)s) n
"""

# Every wallet's first row is its opening credit, so that each balance is the sum of its ledger and nothing else.
# The chosen wallet's further rows are those with the smallest hashes: exactly as many as asked, scattered.
# An opening credit of a million outweighs the worst sum of the amounts that follow (WALLET_ROWS x 500).
# OFFSET 0 keeps the texts out of both sorts.
_LEDGER: LiteralString = """
INSERT INTO economy_economytransaction
    (id, wallet_id, amount, cached_balance_after, reason, note, idempotency_key, created_by_id, created)
WITH chosen AS (
    SELECT n FROM generate_series(%(wallets)s + 1, %(ledger_rows)s) n
    ORDER BY hashint8extended(n, %(seed)s), n LIMIT %(wallet_rows)s - 1
), entry AS (
    SELECT n,
        CASE WHEN n <= %(wallets)s THEN n
             WHEN chosen.n IS NOT NULL THEN %(wallet_id)s
             ELSE 1 + (%(wallet_id)s + abs(hashint8extended(n, %(seed)s + 1) %% (%(wallets)s - 1))) %% %(wallets)s
        END AS wallet_id,
        CASE WHEN n <= %(wallets)s THEN 1000000
             WHEN n %% 2 = 0 THEN 1 + abs(hashint8extended(n, %(seed)s + 2) %% 500)
             ELSE -1 - abs(hashint8extended(n, %(seed)s + 2) %% 500)
        END::int AS amount
    FROM generate_series(1, %(ledger_rows)s) n LEFT JOIN chosen USING (n)
), booked AS (
    SELECT n, wallet_id, amount, sum(amount) OVER (PARTITION BY wallet_id ORDER BY n) AS balance FROM entry
    ORDER BY n OFFSET 0
)
SELECT n, wallet_id, amount, balance,
       CASE WHEN n <= %(wallets)s THEN 'opening' WHEN amount > 0 THEN 'tournament_prize' ELSE 'entry_fee' END,
       'Tournament ' || n %% 977 || ' settlement, booked automatically for player',
       'seed-' || md5(n::text), 1, timestamptz '2025-01-01 00:00+00' + n * interval '5 minutes'
FROM booked
"""

_BALANCES: LiteralString = """
UPDATE economy_deltacrownwallet SET cached_balance = total
FROM (SELECT wallet_id, sum(amount) AS total FROM economy_economytransaction GROUP BY wallet_id) ledger
WHERE id = ledger.wallet_id
"""

_MODERATION: LiteralString = """
INSERT INTO support_moderationaction (ref_id, event, actor_id, meta, created)
WITH chosen AS (
    SELECT n FROM generate_series(1, %(moderation_rows)s) n
    ORDER BY hashint8extended(n, %(seed)s + 3), n LIMIT %(ref_rows)s
)
SELECT CASE WHEN chosen.n IS NOT NULL THEN %(ref_id)s
            ELSE 'TRN-2025-' || to_char(2 + abs(hashint8extended(n, %(seed)s + 4) %% 76), 'FM000') END,
       (ARRAY['registration.reviewed', 'result.disputed', 'player.warned', 'payment.verified'])[1 + n %% 4],
       1 + n %% 50, jsonb_build_object('case', n, 'note', 'reviewed by a moderator, 東京 desk', 'trace', md5(n::text)),
       timestamptz '2025-01-01 00:00+00' + n * interval '7 minutes'
FROM generate_series(1, %(moderation_rows)s) n LEFT JOIN chosen USING (n) ORDER BY n
"""

_MODERATION_TABLE: LiteralString = "support_moderationaction"
_TABLES: tuple[LiteralString, ...] = (
    "accounts_user",
    "tournaments_tournament",
    "tournaments_registration",
    "tournaments_paymentverification",
    "tournament_engine_match_match",
    "tournaments_auditlog",
    "economy_deltacrownwallet",
    "economy_economytransaction",
    _MODERATION_TABLE,
    "tournament_engine_certificate_certificate",
)


def seed_platform(conninfo: str, *, size: SeedSize | None = None, seed: int = 1) -> Seeded:
    """Fill freshly created tables and analyse them. Raises ValueError where the sizes do not fit each other."""
    size = size or SeedSize()
    _check(size)
    seeded = Seeded.of(size)
    _fill_at_once(conninfo, _STEPS, _parameters(size, seeded, seed))
    return seeded


def seed_histories(
    conninfo: str, schema: str | None = None, *, size: SeedSize | None = None, seed: int = 1
) -> None:
    """Fill only what the two migrations need: wallets, their ledger and the moderation history."""
    size = size or SeedSize()
    _check(size)
    steps = {name: _STEPS[name] for name in _HISTORIES}
    _fill_at_once(with_search_path(conninfo, schema), steps, _parameters(size, Seeded.of(size), seed))


_STEPS: dict[str, LiteralString] = {
    "accounts": _ACCOUNTS,
    "tournaments": _TOURNAMENTS,
    "awards": _AWARDS,
    "award payments": _AWARD_PAYMENTS,
    "matches": _MATCHES,
    "wallets": _WALLETS,
    "ledger": _LEDGER,
    "balances": _BALANCES,
    "moderation": _MODERATION,
}
_HISTORIES = ("wallets", "ledger", "balances", "moderation")


def _fill_at_once(conninfo: str, steps: Mapping[str, LiteralString], parameters: Mapping[str, Any]) -> None:
    """Fill the moderation history, which refers to nothing and is as long as all the rest, beside the rest."""
    beside = {"moderation": steps["moderation"]}
    rest = {name: statement for name, statement in steps.items() if name not in beside}
    others = [table for table in _TABLES if table != _MODERATION_TABLE]
    side_by_side(
        conninfo,
        [
            lambda connection: fill(connection, rest, others, parameters, _LARGE),
            lambda connection: fill(connection, beside, [_MODERATION_TABLE], parameters),
        ],
    )


def _check(size: SeedSize) -> None:
    least = (
        ("users", size.users, max(2, size.awards)),
        ("wallets", size.wallets, WALLET_ID),
        ("ledger_rows", size.ledger_rows, size.wallets + size.wallet_rows),
        ("moderation_rows", size.moderation_rows, size.ref_rows),
        ("live_tournaments", size.live_tournaments, 1),
    )
    for name, value, smallest in least:
        if value < smallest:
            raise ValueError(_SMALLEST_OF.format(name, value, smallest))


def _parameters(size: SeedSize, seeded: Seeded, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "names": list(NAMES),
        "users": size.users,
        "first_small": seeded.small_tournaments.start,
        "first_live": seeded.live_tournaments.start,
        "completed": seeded.completed_tournament,
        "awards": size.awards,
        "per_tournament": size.matches_per_tournament,
        "matches": len(seeded.matches),
        "wallets": size.wallets,
        "ledger_rows": size.ledger_rows,
        "wallet_id": WALLET_ID,
        "wallet_rows": size.wallet_rows,
        "moderation_rows": size.moderation_rows,
        "ref_id": REF_ID,
        "ref_rows": size.ref_rows,
    }
