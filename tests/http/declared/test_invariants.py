"""`[scenario.NAME.invariants]`: what the service's own database must say after its scenario."""

from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import psycopg
import pytest

from tailguard.http.declared.format import Query
from tailguard.http.declared.invariants import held_in
from tailguard.pipeline.built_ins import NOT_OURS
from tailguard.postgres.database import Database
from tailguard.record.run import Run
from tailguard.record.scenario import Invariant
from tailguard.suite.invariants import SkippedError
from tests.support.installed import Service, served_by, typed

FILE = """
[load]
max_seconds = 2
[scenario.pay]
rate = "50/s"
[[scenario.pay.steps]]
name = "pay"
path = "/pay/{number}"
[scenario.pay.slo]
"pay p95" = "<= 2s"
[scenario.pay.invariants]
"no cart is paid twice" = { sql = "SELECT count(*) FROM (SELECT FROM payments GROUP BY cart HAVING count(*) > 1) t" }
"all are payments" = { sql = "SELECT string_agg(DISTINCT kind, '') FROM payments", expected = "payment" }
"""


@pytest.fixture
def shop(database: Database) -> Iterator[str]:
    """A shop that answers at once, and pays each tenth cart twice."""
    connection, lock = psycopg.connect(database.conninfo, autocommit=True), Lock()
    connection.execute("CREATE TABLE payments (cart int, kind text)")

    class Shop(Service):
        def do_GET(self) -> None:
            cart = int(self.path.rpartition("/")[2])
            with lock:
                for _ in range(1 + (cart % 10 == 0)):
                    connection.execute("INSERT INTO payments VALUES (%s, 'payment')", [cart])
            self.answer(200, b"")

    with connection, served_by(Shop) as url:
        yield url


def played(folder: Path, url: str, *words: str) -> tuple[int, str, tuple[Invariant, ...]]:
    """Run the file; returns the exit code, what was said, and what held."""
    (folder / "shop.toml").write_text(FILE, encoding="utf-8")
    done = typed(folder, "run", "shop.toml", "--target", url, *words)
    return done.returncode, done.stdout + done.stderr, Run.load("latest", folder / "runs").record.invariants


@pytest.mark.system
def test_a_fast_service_that_does_a_thing_twice_does_not_pass(
    tmp_path: Path, shop: str, database: Database
) -> None:
    words = ("--dsn", database.conninfo, "--set", f"database.schema={database.schema}")
    code, said, found = played(tmp_path, shop, *words)
    assert code == 65, said
    twice, kinds = found
    assert (twice.name, twice.held, twice.expected) == ("no cart is paid twice", False, "0")
    assert int(twice.observed) > 0
    assert (kinds.name, kinds.held) == ("all are payments", True)


def test_without_a_database_nothing_is_checked_and_the_reason_is_told() -> None:
    with pytest.raises(SkippedError, match="no --dsn says where the service's database is"):
        next(held_in(NOT_OURS, {"paid once": Query(sql="SELECT 0")}))
