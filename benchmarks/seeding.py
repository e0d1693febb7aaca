"""How fast the reference platform's two histories are seeded, beside COPY of the very same rows into the same tables.

`python -m benchmarks.seeding [--rows 300000] [--rounds 3] [--tree FOLDER ...]`: rows a second; both tables have
--rows. COPY fills tables without any keys from files that the server reads, one after the other. The `reference` of
other trees seeds in turn with ours, in processes of its own. All work in one embedded server.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from psycopg.conninfo import make_conninfo

from benchmarks.figure import Figure
from tailguard.postgres.location import connect
from tailguard.postgres.server import embedded_postgres

HERE = Path(__file__).resolve().parent.parent
AIM = 300_000
TABLES = ("economy_economytransaction", "support_moderationaction")
SEED = """
import sys, time
from reference.database import create_tables
from reference.seed import SeedSize, seed_histories
conninfo, rows = sys.argv[1], int(sys.argv[2])
create_tables(conninfo)
began_s = time.perf_counter()
seed_histories(conninfo, size=SeedSize(ledger_rows=rows, moderation_rows=rows))
print(time.perf_counter() - began_s)
"""


def main() -> None:
    """Print rows a second of each way, the best of all rounds, and its ratio to COPY's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tree", type=Path, action="append", default=[])
    options = parser.parse_args()
    best = seconds_of([HERE, *(tree.resolve() for tree in options.tree)], options.rows, options.rounds)
    print(f"2 x {options.rows:,} rows, best of {options.rounds}, load {os.getloadavg()[0]:.0f}")
    for name, seconds in best.items():
        print(
            f"{name:<12} {2 * options.rows / seconds:>10,.0f} rows/s {best['COPY'] / seconds:>6.2f} of COPY"
        )


def figures(rows: int = 300_000, rounds: int = 3) -> Iterator[Figure]:
    """Yield how fast both histories are seeded."""
    best = seconds_of([HERE], rows, rounds)
    rate, copied = (2 * rows / best[name] for name in (HERE.name, "COPY"))
    beside = (
        f"COPY of the same rows into tables without keys: {copied:,.0f} rows/s, {rate / copied:.2f} of it"
    )
    yield Figure("seeding two tables", f"{rate:,.0f} rows/s", beside, f"≥ {AIM:,} rows/s", rate >= AIM)


def seconds_of(trees: Sequence[Path], rows: int, rounds: int) -> dict[str, float]:
    """Return the least seconds of each tree and of COPY."""
    best: dict[str, float] = {}
    with embedded_postgres() as server:
        for _ in range(rounds):
            for tree in trees:
                with connect(server.dsn) as admin:
                    admin.execute("DROP DATABASE IF EXISTS seeded WITH (FORCE)")
                    admin.execute("CREATE DATABASE seeded")
                conninfo = make_conninfo(server.dsn, dbname="seeded")
                _keep(best, tree.name, seeding_s(tree, conninfo, rows))
            _keep(best, "COPY", copying_s(conninfo))
    return best


def seeding_s(tree: Path, conninfo: str, rows: int) -> float:
    """Seed with a tree's code; returns the seconds, without making the tables."""
    command = [sys.executable, "-c", SEED, conninfo, str(rows)]
    done = subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True)
    return float(done.stdout)


def copying_s(conninfo: str) -> float:
    """Copy what is seeded into tables of the same columns; returns the seconds of reading the files."""
    with connect(conninfo) as connection:
        row = connection.execute("SELECT current_setting('data_directory')").fetchone()
        assert row is not None
        for table in TABLES:
            connection.execute(f"COPY {table} TO '{row[0]}/{table}.copy'".encode())
            connection.execute(f"CREATE TABLE copied_{table} AS SELECT * FROM {table} LIMIT 0".encode())
        began_s = time.perf_counter()
        for table in TABLES:
            connection.execute(f"COPY copied_{table} FROM '{row[0]}/{table}.copy'".encode())
        return time.perf_counter() - began_s


def _keep(best: dict[str, float], name: str, seconds: float) -> None:
    best[name] = min(seconds, best.get(name, seconds))


if __name__ == "__main__":
    main()
