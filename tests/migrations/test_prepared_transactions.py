"""Transactions that were prepared and left: they have no session, and hold a build up until somebody ends them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tailguard.migrations.errors import MigrationStoppedError
from tailguard.postgres.database import Database, schema_on
from tailguard.postgres.server import embedded_postgres
from tests.support.migration_world import InBackground, make_ledger, migration, runner, state
from tests.support.waiting import eventually

pytestmark = pytest.mark.system

TO_END = "prepared transaction 'o''clock', user tailguard: prepared, ends only by COMMIT PREPARED 'o''clock' or ROLL"
VALID = (True, True)


@pytest.fixture(scope="module")
def two_phase_server():
    """A server where transactions may be prepared; by default they may not."""
    with embedded_postgres(settings={"max_prepared_transactions": 2, "shared_buffers": "32MB"}) as server:
        yield server


@pytest.fixture
def database(two_phase_server) -> Iterator[Database]:
    with schema_on(two_phase_server.dsn) as own:
        make_ledger(own)
        yield own


def prepare(database: Database, statement: str) -> None:
    with database.connect(autocommit=False) as connection:
        connection.execute(statement)
        connection.execute("PREPARE TRANSACTION 'o''clock'")


@pytest.fixture
def prepared(database: Database) -> Iterator[Database]:
    """The ledger, with a row of it written by a transaction that is prepared."""
    prepare(database, "UPDATE ledger SET note = 'changed' WHERE id = 1")
    yield database
    with database.connect() as connection:
        if connection.execute("SELECT gid FROM pg_prepared_xacts").fetchone():
            connection.execute("ROLLBACK PREPARED 'o''clock'")


def test_it_is_named_before_anything_is_created_with_how_to_end_it(prepared):
    with pytest.raises(MigrationStoppedError, match=TO_END):
        runner(prepared, old_transaction_s=0.0, wait_s=0.2).apply(migration())
    assert state(prepared) is None


def test_a_build_that_waits_for_it_says_so_and_goes_on_when_it_is_ended(prepared):
    looks = []
    watched = replace(runner(prepared), on_progress=looks.append)
    build = InBackground(lambda: watched.apply(migration()))
    (blocker,) = eventually(lambda: looks and looks[-1].blockers)
    assert "ROLLBACK PREPARED 'o''clock'" in str(blocker)
    with prepared.connect() as connection:
        connection.execute("COMMIT PREPARED 'o''clock'")
    assert build.result().done == "built, valid"
    assert state(prepared) == VALID


def test_the_deadline_names_it_and_leaves_no_invalid_index_untold(prepared):
    with pytest.raises(MigrationStoppedError, match=f"our own deadline.*{TO_END}"):
        runner(prepared, deadline_s=0.5).apply(migration())


def test_one_that_never_wrote_to_the_table_holds_nothing_up(database):
    prepare(database, "INSERT INTO elsewhere VALUES (1)")
    try:
        assert runner(database, old_transaction_s=0.0, wait_s=0.2).apply(migration()).done == "built, valid"
        assert state(database) == VALID
    finally:
        with database.connect() as connection:
            connection.execute("ROLLBACK PREPARED 'o''clock'")
