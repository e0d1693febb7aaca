"""Behind PgBouncer in transaction mode a session's locks and settings are not ours: refused, with the way round."""

import pytest

from tailguard.cli.main import run_cli
from tailguard.postgres.database import open_database
from tailguard.postgres.location import DatabaseError, connect
from tests.support.migration_world import make_ledger, migration, runner, state
from tests.support.pgbouncer import needs_pgbouncer, pooler

pytestmark = pytest.mark.system


@pytest.fixture(params=["", "ignore_startup_parameters = options"], ids=["as installed", "options ignored"])
def pooled(request, postgres, tmp_path):
    """The session's server through PgBouncer; our search path comes as a start-up parameter, refused or ignored."""
    with pooler(postgres, tmp_path, request.param) as dsn:
        yield dsn


@needs_pgbouncer
def test_no_schema_is_made_through_a_pooler(pooled, postgres):
    with (
        pytest.raises(DatabaseError, match=r"the server itself, not of its pooler \(often port 5432"),
        open_database(pooled, schema="tailguard_pooled"),
    ):
        pass
    with connect(postgres.dsn) as connection:
        assert connection.execute("SELECT to_regnamespace('tailguard_pooled')").fetchone() == (None,)


@needs_pgbouncer
def test_no_index_is_built_through_a_pooler(pooled, database):
    class Pooled:
        """Our schema's tables, reached through the pooler."""

        def connect(self, **options):
            return connect(pooled, **options)

    make_ledger(database)
    there = migration(f"CREATE INDEX CONCURRENTLY idx_ledger_newest ON {database.schema}.ledger (wallet_id)")
    with pytest.raises(DatabaseError, match="pooler"):
        runner(Pooled()).apply(there)
    assert state(database) is None


@needs_pgbouncer
def test_the_command_says_what_to_give_instead(pooled, capsys):
    assert run_cli(["migrate", "up", "--dsn", pooled, "--schema", "public"]) == 64
    told = capsys.readouterr().err
    assert "often port 5432 instead of 6432" in told
    assert "Traceback" not in told


def test_a_server_reached_directly_is_no_pooler(postgres):
    with open_database(postgres.dsn) as own, own.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
