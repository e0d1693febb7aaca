"""The platform in-process against pgbench with the same transactions, in turns on one server.

    python benchmarks/against_pgbench.py [--seconds 4] [--rounds 3] [--clients 8]

Both sides run closed with the same number of clients, threads here and pgbench's own there, over the same rows.
synchronous_commit is off: with it on the disk hides what the client costs. Read the ratios.
"""

import argparse
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deltacrown.database import create_tables
from deltacrown.platform import DeltaCrown
from deltacrown.seed import seed_platform
from perf.postgres.database import Database, schema_on
from perf.postgres.server import Server, embedded_postgres

REGISTRATION = """
\\set n :n + 1
\\set user 1 + :n / 20 % 20000
\\set tournament 2 + :client_id * 20 + :n % 20
BEGIN;
SELECT status, participant_count, max_participants FROM tournaments_tournament WHERE id = :tournament
    FOR NO KEY UPDATE;
INSERT INTO tournaments_registration (tournament_id, user_id, registered_at) VALUES (:tournament, :user, now())
ON CONFLICT (tournament_id, user_id) DO NOTHING RETURNING id, registration_number, status, created_at \\gset
WITH counted AS (UPDATE tournaments_tournament SET participant_count = participant_count + 1 WHERE id = :tournament)
INSERT INTO tournaments_paymentverification
    (registration_id, method, transaction_id, payer_account_number, amount_bdt)
VALUES (:id, 'free', '', '', 0) RETURNING id;
COMMIT;
"""

RESULT = """
\\set n :n + 1
\\set match 1 + :client_id * 250 + :n % 250
\\set user 1 + (2 * :match - 2) % 20000
\\set score 1 + :n % 9
WITH moved AS (
    UPDATE tournament_engine_match_match SET
        participant1_score = :score, participant2_score = 0, state = 'pending_result',
        winner_id = CASE WHEN :score > 0 THEN participant1_id ELSE participant2_id END,
        loser_id = CASE WHEN :score > 0 THEN participant2_id ELSE participant1_id END,
        submitted_by_id = :user, version = version + 1, updated_at = clock_timestamp()
    WHERE id = :match AND :user IN (participant1_id, participant2_id)
        AND state IN ('live', 'pending_result') AND version = coalesce(NULL::int, version)
    RETURNING id, tournament_id, state, participant1_score, participant2_score, winner_id, loser_id,
        submitted_by_id, version, updated_at
), audited AS (
    INSERT INTO tournaments_auditlog (user_id, action, tournament_id, match_id, from_version)
    SELECT :user, 'result_submitted', tournament_id, id, version - 1 FROM moved
)
SELECT * FROM moved;
"""

TRANSFER = """
\\set n :n + 1
\\set sender 1 + :client_id * 250 + :n % 125 * 2
\\set receiver :sender + 1
BEGIN;
SELECT id, cached_balance, allow_overdraft FROM economy_deltacrownwallet WHERE id IN (:sender, :receiver)
ORDER BY id FOR NO KEY UPDATE;
UPDATE economy_deltacrownwallet
SET cached_balance = CASE id WHEN :sender THEN 900000 ELSE 900001 END, updated_at = now()
WHERE id IN (:sender, :receiver);
INSERT INTO economy_economytransaction (wallet_id, amount, cached_balance_after, reason, note, idempotency_key)
VALUES (:sender, -1, 900000, 'p2p', '', 'pgbench-' || :client_id::text || '-' || :n::text || '_debit'),
       (:receiver, 1, 900001, 'p2p', '', 'pgbench-' || :client_id::text || '-' || :n::text || '_credit')
ON CONFLICT (idempotency_key) DO NOTHING RETURNING id;
COMMIT;
"""

Operation = Callable[[DeltaCrown, int, int], object]


@dataclass(frozen=True, slots=True)
class Contest:
    """One operation: pgbench's script, and ours as a function of (platform, client, number)."""

    name: str
    script: str
    ours: Operation


def _register(platform: DeltaCrown, client: int, n: int) -> object:
    return platform.register(2 + client * 20 + n % 20, 1 + n // 20 % 20_000)


def _submit(platform: DeltaCrown, client: int, n: int) -> object:
    match_id = 1 + client * 250 + n % 250
    return platform.submit_result(match_id, 1 + (2 * match_id - 2) % 20_000, 1 + n % 9, 0)


def _transfer(platform: DeltaCrown, client: int, n: int) -> object:
    sender = 1 + client * 250 + n % 125 * 2
    return platform.transfer(sender, sender + 1, 1, f"ours-{client}-{n}")


CONTESTS = (
    Contest("registration", REGISTRATION, _register),
    Contest("result_submission", RESULT, _submit),
    Contest("economy_transfer", TRANSFER, _transfer),
)
# pgbench and we take turns: each goes on with numbers that the other has not used.
STRIDE = 40_000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    with embedded_postgres(settings={"synchronous_commit": "off"}) as server:
        print(
            f"PostgreSQL {server.version}, {options.clients} clients, {options.rounds} rounds of {options.seconds:g} s"
        )
        print(f"{'operation':20}{'pgbench/s':>12}{'ours/s':>12}{'ratio':>8}   ratio of each round")
        for contest in CONTESTS:
            with schema_on(server.dsn, server=server) as database:
                _contest(contest, server, database, options)


def _contest(contest: Contest, server: Server, database: Database, options: argparse.Namespace) -> None:
    conninfo = database.conninfo
    create_tables(conninfo)
    seed_platform(conninfo)
    platform = DeltaCrown(conninfo, secret="a secret of thirty-two bytes or more")
    theirs, ours = [], []
    try:
        for turn in range(options.rounds):
            first = 2 * turn * STRIDE
            theirs.append(_pgbench(contest.script, server, database, options, first))
            ours.append(_closed(contest.ours, platform, options, first + STRIDE))
    finally:
        platform.close()
    ratios = [mine / its for mine, its in zip(ours, theirs, strict=True)]
    print(
        f"{contest.name:20}{statistics.median(theirs):12,.0f}{statistics.median(ours):12,.0f}"
        f"{statistics.median(ratios):8.1%}   {' '.join(f'{ratio:.1%}' for ratio in ratios)}"
    )


def _pgbench(
    script: str, server: Server, database: Database, options: argparse.Namespace, first: int
) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script.sql")
        path.write_text(script, encoding="utf-8")
        command = [
            str(server.bin_dir / "pgbench"),
            "-n",
            "-M",
            "prepared",
            "-f",
            str(path),
            "-D",
            f"n={first}",
        ]
        command += [
            "-c",
            str(options.clients),
            "-j",
            "2",
            "-T",
            str(max(1, round(options.seconds))),
            database.conninfo,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = re.search(r"tps = ([\d.]+) \(without", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def _closed(operation: Operation, platform: DeltaCrown, options: argparse.Namespace, first: int) -> float:
    counts = [0] * options.clients
    end_s = time.monotonic() + options.seconds

    def client(number: int) -> None:
        n = first
        while time.monotonic() < end_s:
            operation(platform, number, n)
            n += 1
        counts[number] = n - first

    began_s = time.monotonic()
    with ThreadPoolExecutor(options.clients) as threads:
        list(threads.map(client, range(options.clients)))
    return sum(counts) / (time.monotonic() - began_s)


if __name__ == "__main__":
    main()
