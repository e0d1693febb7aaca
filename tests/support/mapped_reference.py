"""The reference platform as a stranger's: its defects switched on, its routes in a mapping, its data in CSV files."""

from contextlib import ExitStack, contextmanager

from psycopg.conninfo import make_conninfo

from reference.faults import Faults
from reference.seed import Seeded, SeedSize
from tests.support.web_served import SECRET, serving

SIZE = SeedSize(
    users=2_000,
    open_tournaments=20,
    small_tournaments=8,
    live_tournaments=2,
    matches_per_tournament=800,
    awards=20,
    wallets=400,
    ledger_rows=2_000,
    moderation_rows=1_000,
)
SEEDED = Seeded.of(SIZE)
READER, PASSWORD = "only_reads", "only-for-tests"
MAPPING = """
[target]
health = "/healthz/"
[target.login]
kind = "jwt"
secret = "${PLATFORM_SECRET}"
claims = { user_id = "{user.id}", token_type = "access", jti = "{uuid}" }
[target.pools.users]
generate = { id = "1..2000" }
[target.pools.tournaments]
file = "tournaments.csv"
[target.pools.full_tournaments]
file = "full.csv"
[target.pools.matches]
file = "matches.csv"
[target.pools.broadcast_matches]
file = "broadcast.csv"
[target.pools.wallets]
file = "wallets.csv"
[target.steps.register]
method = "POST"
path = "/api/tournaments/registrations/solo/"
body = { tournament_id = "{tournament.id}" }
expect = [201]
conflict_if = [{ status = 400, contains = "already registered" }, { status = 409, contains = "is full" }]
[target.steps.submit]
method = "POST"
path = "/api/tournaments/results/{match.id}/submit-result/"
body = { participant1_score = "{score1}", participant2_score = "{score2}" }
[target.steps.match_scores]
method = "GET"
path = "/api/tournaments/matches/{match.id}/"
[target.steps.transfer]
method = "POST"
path = "/api/economy/transfers/"
expect = [200, 201]
conflict = [409]
[target.steps.transfer.body]
from_wallet = "{from_wallet.id}"
to_wallet = "{to_wallet.id}"
amount = "{amount}"
idempotency_key = "{key}"
[target.feed]
path = "/ws/tournament/{tournament.id}/?token={token}"
"""
# The older route, which a match leaves the state `live` by: of two submissions at one instant, one may be accepted.
TOGETHER = MAPPING.replace('file = "matches.csv"', 'file = "live.csv"\nuse = "once"').replace(
    """path = "/api/tournaments/results/{match.id}/submit-result/"
body = { participant1_score = "{score1}", participant2_score = "{score2}" }
""",
    """path = "/api/tournaments/matches/{match.id}/submit-result/"
body = { score = "{score1}", opponent_score = "{score2}" }
conflict = [409]
together = 2
""",
)
OBJECTIVES = """
[defaults]
dependence = "independent"
error_rate = "< 2%"
[scenarios.registration]
step = "register"
p95 = "<= 5s"
[scenarios.result_submission]
step = "submit"
p95 = "<= 5s"
[scenarios.economy_transfer]
step = "transfer"
p95 = "<= 5s"
[scenarios.websocket_broadcast]
step = "broadcast"
p95 = "<= 5s"
"""


@contextmanager
def stranger(database, faults, folder, mapping):
    """Serve it; yields (its address, the words of locust that attach it, the environment that they need)."""

    def fill(platform):
        stack.enter_context(reader_of(database))
        for tournament in SEEDED.small_tournaments:
            platform.register(tournament, SIZE.users)
            platform.register(tournament, SIZE.users - 1)

    write_pools(folder)
    (folder / "stranger.toml").write_text(mapping, encoding="utf-8")
    (folder / "objectives.toml").write_text(OBJECTIVES, encoding="utf-8")
    with ExitStack() as stack:
        served = stack.enter_context(serving(database, faults=Faults.parse(faults), size=SIZE, before=fill))
        words = (
            *("--tailguard-target", str(folder / "stranger.toml")),
            *("--tailguard-objectives", str(folder / "objectives.toml")),
            *("--tailguard-dsn", make_conninfo(database.conninfo, user=READER, password=PASSWORD)),
        )
        yield served.url, words, {"PLATFORM_SECRET": SECRET}


@contextmanager
def reader_of(database):
    """A user who may read and nothing else, as a stranger would give us one."""
    with database.connect() as owner:
        owner.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'")
        owner.execute(f"GRANT USAGE ON SCHEMA {database.schema} TO {READER}")
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {database.schema} TO {READER}")
        try:
            yield
        finally:
            owner.execute(f"DROP OWNED BY {READER}; DROP ROLE {READER}")


def write_pools(folder):
    watched, *others = SEEDED.live_tournaments
    unwatched = [match for live in others for match in SEEDED.matches_of(live)]
    pools = {
        "tournaments": ["id", SEEDED.hot_tournament, *SEEDED.open_tournaments],
        "full": ["id", *SEEDED.small_tournaments],
        "matches": ["id,participant", *map(played, unwatched)],
        "live": [
            "id,participant",
            *(played(match) for match in unwatched if match % 2 == 0),
        ],  # as the seed has it
        "broadcast": [
            "id,participant,tournament",
            *(f"{played(m)},{watched}" for m in SEEDED.matches_of(watched)),
        ],
        "wallets": ["id", *SEEDED.wallets],
    }
    for name, lines in pools.items():
        (folder / f"{name}.csv").write_text("\n".join(map(str, lines)) + "\n", encoding="ascii")


def played(match):
    return f"{match},{SEEDED.participants(match)[0]}"
