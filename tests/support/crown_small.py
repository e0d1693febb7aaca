"""A seed small enough for a test, and a secret for its tokens."""

from reference.seed import SeedSize

SECRET = "a secret for tests, of more than 32 bytes"
SMALL = SeedSize(
    users=200,
    open_tournaments=8,
    small_tournaments=40,
    live_tournaments=2,
    matches_per_tournament=40,
    awards=60,
    wallets=60,
    ledger_rows=800,
    wallet_rows=200,
    moderation_rows=500,
    ref_rows=120,
)
