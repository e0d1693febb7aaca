"""What the runner refuses on a real server, before it has built anything, and what it names."""

import pytest

from tailguard.base.errors import UsageError
from tailguard.migrations.errors import WrongIndexError
from tests.support.migration_world import INDEX, make_ledger, migration, runner, state

pytestmark = pytest.mark.system


@pytest.fixture(autouse=True)
def tables(database):
    make_ledger(database)


def test_another_index_under_the_same_name_is_an_error(database):
    with database.connect() as connection:
        connection.execute(f"CREATE INDEX {INDEX} ON ledger (created)")
    with pytest.raises(
        WrongIndexError, match=r"btree \(created\); wanted: btree \(wallet_id, created DESC\)"
    ):
        runner(database).apply(migration())
    with pytest.raises(WrongIndexError):
        runner(database).revert(migration())


def test_an_equivalent_index_is_told_before_a_second_one_is_built(database):
    with database.connect() as connection:
        connection.execute("CREATE INDEX ledger_ascending ON ledger (wallet_id, created)")
    with pytest.raises(
        WrongIndexError, match=r"ledger_ascending .* already serves it, read backward, if its first 1"
    ):
        runner(database).apply(migration())
    assert state(database) is None
    assert runner(database).apply(migration(), allow_equivalent=True).done == "built, valid"


def test_a_table_that_does_not_exist_is_named(database):
    with pytest.raises(UsageError, match="no table absent in the schemas tailguard_"):
        runner(database).apply(migration("CREATE INDEX CONCURRENTLY i ON absent (id)"))


def test_a_column_that_does_not_exist_is_named(database):
    with pytest.raises(UsageError, match=r'42703.*"absent"'):
        runner(database).apply(migration("CREATE INDEX CONCURRENTLY i ON ledger (absent)"))


def test_a_partitioned_table_is_refused(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE parts (id int) PARTITION BY RANGE (id)")
    with pytest.raises(UsageError, match="partitioned table"):
        runner(database).apply(migration("CREATE INDEX CONCURRENTLY i ON parts (id)"))


def test_no_privilege_is_an_error_that_names_it(database):
    class Stranger:
        def connect(self, **options):
            connection = database.connect(**options)
            connection.execute("SET SESSION AUTHORIZATION tailguard_stranger")
            return connection

    with database.connect() as connection:
        connection.execute("CREATE ROLE tailguard_stranger")
        connection.execute(f"GRANT USAGE ON SCHEMA {database.schema} TO tailguard_stranger")
        connection.execute("GRANT SELECT ON ledger TO tailguard_stranger")
    try:
        with pytest.raises(UsageError, match=r"tailguard_stranger does not own .*ledger.*GRANT"):
            runner(Stranger()).apply(migration())
        assert state(database) is None
    finally:
        with database.connect() as connection:
            connection.execute("DROP OWNED BY tailguard_stranger")
            connection.execute("DROP ROLE tailguard_stranger")
