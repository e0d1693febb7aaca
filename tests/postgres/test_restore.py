"""A user's dump, restored into a server of our own; migrations are proven on it."""

import gzip
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tailguard.base.errors import UsageError
from tailguard.cli.main import run_cli
from tailguard.migrations.migration import what_if
from tailguard.postgres.database import Database
from tailguard.postgres.restore import restore
from tailguard.postgres.server import Server, embedded_postgres
from tailguard.proofs.target import prove_target

pytestmark = pytest.mark.system

Dump = Callable[[str], Path]


@pytest.fixture
def dump(postgres: Server, database: Database, tmp_path: Path) -> Iterator[Dump]:
    """Dump a table of somebody's in a format of pg_dump's."""
    with database.connect() as connection:
        connection.execute("CREATE TABLE ledger (id bigserial PRIMARY KEY, wallet int NOT NULL)")
        connection.execute("INSERT INTO ledger (wallet) SELECT n % 9 FROM generate_series(1, 500) n")
        connection.execute("CREATE ROLE somebody_else")
        connection.execute("GRANT SELECT ON ledger TO somebody_else")

    def make(kind: str) -> Path:
        path = tmp_path / f"dump.{kind}"
        program = str(postgres.bin_dir / "pg_dump")
        command = [program, f"--format={kind}", "--schema", database.schema, "-f", str(path), postgres.dsn]
        subprocess.run(command, check=True, capture_output=True)
        return path

    yield make
    with database.connect() as connection:
        connection.execute("DROP OWNED BY somebody_else")
        connection.execute("DROP ROLE somebody_else")


def packed(path: Path) -> Path:
    (there := path.with_name(f"{path.name}.gz")).write_bytes(gzip.compress(path.read_bytes()))
    return there


@pytest.mark.parametrize("kind", ["plain", "custom"])
def test_a_dump_that_gzip_packed_is_unpacked(dump: Dump, database: Database, kind: str) -> None:
    with embedded_postgres() as server:
        restore(packed(dump(kind)), server)
        with psycopg.connect(server.dsn) as connection:
            query = f"SELECT count(*) FROM {database.schema}.ledger"
            assert connection.execute(query.encode()).fetchone() == (500,)


def test_a_packed_dump_that_is_cut_off_or_packed_otherwise_is_named(
    dump: Dump, postgres: Server, tmp_path: Path
) -> None:
    cut = packed(dump("plain"))
    cut.write_bytes(cut.read_bytes()[:-20])
    with pytest.raises(UsageError, match=r"cannot be unpacked.*cut off"):
        restore(cut, postgres)
    (other := tmp_path / "dump.sql.zst").write_bytes(b"\x28\xb5\x2f\xfd\x00\x00\x00\x00")
    with pytest.raises(UsageError, match="unpack it first with `zstd -d`"):
        restore(other, postgres)


@pytest.mark.parametrize("kind", ["plain", "custom", "tar", "directory"])
def test_a_dump_of_any_format_becomes_a_table_to_prove_on(
    dump: Dump, database: Database, kind: str, said: pytest.LogCaptureFixture
) -> None:
    migration = what_if(
        "CREATE INDEX CONCURRENTLY i ON ledger (wallet)", "SELECT id FROM ledger WHERE wallet = 1", "{}"
    )
    with (
        prove_target(migration, 300, None, database.schema, dump=dump(kind)) as target,
        target.connect() as connection,
    ):
        assert connection.execute("SELECT count(*) FROM ledger").fetchone() == (300,)
        assert target.schema != database.schema
    assert any("Restoring" in line for line in said.messages)


def test_a_role_that_our_server_lacks_is_told_and_stops_nothing(dump: Dump) -> None:
    with embedded_postgres(settings={"shared_buffers": "16MB"}) as fresh:
        refused = restore(dump("plain"), fresh)
        with psycopg.connect(fresh.dsn) as connection:
            tables = connection.execute(
                "SELECT count(*) FROM pg_tables WHERE tablename = 'ledger'"
            ).fetchone()
    assert any("somebody_else" in line for line in refused)
    assert tables == (1,)


def test_a_dump_that_does_not_exist_or_holds_nothing_is_named(postgres: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.sql does not exist"):
        restore(tmp_path / "absent.sql", postgres)
    broken = tmp_path / "broken.dump"
    broken.write_bytes(b"PGDMP and nothing more")
    with pytest.raises(UsageError, match=r"broken\.dump"):
        restore(broken, postgres)


def test_a_dump_and_a_server_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["migrate", "prove", "0001", "--dump", "x.sql", "--dsn", "postgresql://h/db"]) == 64
    assert "--dump is for the embedded server" in capsys.readouterr().err
