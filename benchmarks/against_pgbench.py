"""The platform through our engine against pgbench with the same transactions, in turns on one server.

    python -m benchmarks.against_pgbench [--seconds 1] [--rounds 9] [--clients 8] [--unpinned]

Both sides run closed with as many clients, a thread each, over the same rows, and are placed as a run places them:
clients on the generator's cores, the server on the others. synchronous_commit is off: with it on, the disk hides what
a client costs. Rounds are short and take turns, so that a noisy minute hits both sides; read the ratios.

Harness overhead is what the engine adds to an iteration (a journey that does nothing, one client), as a share of the
operation's p50 with one client.
"""

import argparse
import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reference.database import create_tables
from reference.platform import DeltaCrown
from reference.seed import seed_platform
from tailguard.engine.iteration import Iteration
from tailguard.engine.measure import Pace, measure
from tailguard.engine.placement import choose_placement, pinned
from tailguard.engine.schedule import Closed
from tailguard.engine.workload import Load, Measurement, PlainScenario, Workload
from tailguard.postgres.database import Database, schema_on
from tailguard.postgres.server import Server, embedded_postgres

REGISTRATION = """
\\set n :n + 1
\\set turn :n * :clients + :client_id
\\set user 1 + :turn / 200 % 20000
\\set tournament 2 + :turn % 200
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
\\set turn :n * :clients + :client_id
\\set match 1 + :turn % 2000
\\set user 1 + (2 * :match - 2) % 20000
\\set score 1 + :turn % 9
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
\\set turn :n * :clients + :client_id
\\set sender 1 + :turn % 1000 * 2
\\set receiver :sender + 1
BEGIN;
SELECT id, cached_balance, allow_overdraft FROM economy_deltacrownwallet WHERE id IN (:sender, :receiver)
ORDER BY id FOR NO KEY UPDATE;
UPDATE economy_deltacrownwallet
SET cached_balance = CASE id WHEN :sender THEN 900000 ELSE 900001 END, updated_at = now()
WHERE id IN (:sender, :receiver);
INSERT INTO economy_economytransaction (wallet_id, amount, cached_balance_after, reason, note, idempotency_key)
VALUES (:sender, -1, 900000, 'p2p', '', 'pgbench-' || :turn::text || '_debit'),
       (:receiver, 1, 900001, 'p2p', '', 'pgbench-' || :turn::text || '_credit')
ON CONFLICT (idempotency_key) DO NOTHING RETURNING id;
COMMIT;
"""

Operation = Callable[[DeltaCrown, int], object]


@dataclass(frozen=True, slots=True)
class Contest:
    """One operation: pgbench's script, and ours as a function of (platform, number of the iteration)."""

    name: str
    script: str
    ours: Operation


def register(platform: DeltaCrown, number: int) -> object:
    """Enter the next player into the next tournament."""
    return platform.register(2 + number % 200, 1 + number // 200 % 20_000)


def submit(platform: DeltaCrown, number: int) -> object:
    """Submit the next match's result."""
    match_id = 1 + number % 2_000
    return platform.submit_result(match_id, 1 + (2 * match_id - 2) % 20_000, 1 + number % 9, 0)


def transfer(platform: DeltaCrown, number: int) -> object:
    """Move a coin between the next pair of wallets."""
    sender = 1 + number % 1_000 * 2
    return platform.transfer(sender, sender + 1, 1, f"ours-{number}")


def nothing(_platform: DeltaCrown, _number: int) -> object:
    """Return at once: what is left is the engine."""
    return None


CONTESTS = (
    Contest("registration", REGISTRATION, register),
    Contest("result_submission", RESULT, submit),
    Contest("economy_transfer", TRANSFER, transfer),
)
# The sides take turns: each goes on with numbers that the other has not used. More than a round ever needs.
STRIDE = 200_000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--unpinned", action="store_true")
    options = parser.parse_args()
    placement = choose_placement(pin=not options.unpinned)
    with (
        embedded_postgres(settings={"synchronous_commit": "off"}, cpus=placement.server) as server,
        pinned(placement),
    ):
        print(
            f"PostgreSQL {server.version}, {options.clients} clients, {options.rounds} rounds of {options.seconds} s"
        )
        print(f"clients on cores {placement.generator or 'any'}, server on {placement.server or 'any'}")
        print(
            f"{'operation':18}{'pgbench/s':>10}{'ours/s':>8}{'ratio':>7}{'quartiles':>13}{'p50':>9}{'overhead':>9}"
        )
        for contest in CONTESTS:
            with schema_on(server.dsn, server=server) as database:
                print(_line(contest, server, database, options), flush=True)


def _line(contest: Contest, server: Server, database: Database, options: argparse.Namespace) -> str:
    create_tables(database.conninfo)
    seed_platform(database.conninfo)
    platform = DeltaCrown(database.conninfo, secret="a secret of thirty-two bytes or more")
    theirs, ours = [], []
    try:
        for number in range(options.rounds):
            for side in (0, 1) if number % 2 else (1, 0):  # who goes first changes too
                first = (2 * number + side) * STRIDE
                if side:
                    ours.append(
                        _drive(
                            contest.ours, platform, options.clients, options.seconds, first
                        ).achieved_rate_per_s
                    )
                else:
                    theirs.append(_pgbench(contest.script, server, database, options, first))
        p50_us = _service_us(_drive(contest.ours, platform, 1, options.seconds, 2 * options.rounds * STRIDE))
    finally:
        platform.close()
    engine = _drive(nothing, platform, 1, 1, 0)
    overhead_us = 1e6 / engine.achieved_rate_per_s
    ratios = sorted(mine / its for mine, its in zip(ours, theirs, strict=True))
    low, middle, high = statistics.quantiles(ratios, n=4)
    return (
        f"{contest.name:18}{statistics.median(theirs):10,.0f}{statistics.median(ours):8,.0f}{middle:7.1%}"
        f"{f'{low:.0%} - {high:.0%}':>13}{p50_us:7.0f}us{overhead_us / p50_us:8.1%} ({overhead_us:.1f} us an iteration)"
    )


def _drive(
    operation: Operation, platform: DeltaCrown, clients: int, seconds: float, first: int
) -> Measurement:
    """Run an operation closed through the engine, as a run does, with numbers from `first`."""

    def journey(iteration: Iteration) -> None:
        iteration.step("operate", operation, platform, iteration.number)

    load = Load(Closed(clients, seconds), max_samples=STRIDE, max_seconds=seconds)
    workload = Workload(PlainScenario("operation", journey), load, first)
    measured = measure([workload], pace=Pace(slice_s=seconds))["operation"]
    failed = len(measured.samples) - len(measured.samples.service_ms("operate"))
    assert not failed, f"{failed} operations failed: {measured.samples.errors}"
    return measured


def _service_us(measured: Measurement) -> float:
    return float(np.median(measured.samples.service_ms("operate"))) * 1e3


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
            "-T",
            str(options.seconds),
        ]
        command += ["-D", f"n={first // options.clients}", "-D", f"clients={options.clients}"]
        command += ["-c", str(options.clients), "-j", str(options.clients), database.conninfo]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = re.search(r"tps = ([\d.]+) \(without", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


if __name__ == "__main__":
    main()
