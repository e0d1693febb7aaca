"""The catalogue decides what an index is; PostgreSQL's own words decide whether two are the same."""

import pytest

from tailguard.migrations.index import equivalents, find_index, find_table, indexes_of, wanted_shape
from tailguard.migrations.text.sql import created_index


@pytest.fixture
def ledger(database):
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE ledger (id int, wallet_id int NOT NULL, created timestamptz, name text, other bigint)"
        )
        yield connection


def shape(connection, statement):
    build = created_index(statement)
    return wanted_shape(connection, find_table(connection, build.table), build)


def serving(connection, existing, wanted):
    """Create `existing` and return the equivalents of `wanted` among it."""
    connection.execute(existing)
    return equivalents(indexes_of(connection, find_table(connection, "ledger")), shape(connection, wanted))


WANTED = "CREATE INDEX wanted ON ledger (wallet_id, created DESC)"


@pytest.mark.parametrize(
    "spelling",
    [
        "CREATE INDEX x ON ledger USING btree (wallet_id ASC, created DESC NULLS FIRST)",
        'create index x on ledger ("wallet_id" , created desc)',
        "CREATE INDEX CONCURRENTLY x ON ledger (wallet_id int4_ops, created timestamptz_ops DESC)",
    ],
)
def test_two_spellings_of_one_index_have_the_same_shape(ledger, spelling):
    assert shape(ledger, spelling) == shape(ledger, WANTED)


@pytest.mark.parametrize(
    "other",
    [
        "CREATE INDEX x ON ledger (wallet_id, created)",
        "CREATE INDEX x ON ledger (created DESC, wallet_id)",
        "CREATE UNIQUE INDEX x ON ledger (wallet_id, created DESC)",
        "CREATE INDEX x ON ledger (wallet_id, created DESC) WHERE wallet_id > 0",
        "CREATE INDEX x ON ledger (wallet_id, created DESC) INCLUDE (name)",
    ],
)
def test_another_index_has_another_shape(ledger, other):
    assert shape(ledger, other) != shape(ledger, WANTED)


def test_asking_for_a_shape_leaves_nothing_behind(ledger):
    shape(ledger, WANTED)
    assert indexes_of(ledger, find_table(ledger, "ledger")) == []
    assert ledger.execute("SELECT to_regclass('pg_temp.tailguard_shape')").fetchone() == (None,)


def test_a_built_index_is_found_valid_with_the_shape_that_was_asked_for(ledger):
    ledger.execute("CREATE INDEX odd ON ledger (lower(name) DESC, (other + 1)) WHERE other IS NOT NULL")
    found = find_index(ledger, find_table(ledger, "ledger"), "odd")
    assert found.usable
    assert found.size_bytes > 0
    assert found.shape == shape(
        ledger, "CREATE INDEX x ON ledger (lower(name) DESC, (other + 1)) WHERE other IS NOT NULL"
    )
    assert find_index(ledger, find_table(ledger, "ledger"), "absent") is None


@pytest.mark.parametrize(
    ("existing", "equality", "backward"),
    [
        ("CREATE INDEX have ON ledger (wallet_id, created DESC)", 0, False),
        ("CREATE INDEX have ON ledger (wallet_id DESC, created)", 0, True),
        ("CREATE INDEX have ON ledger (wallet_id, created)", 1, True),
        ("CREATE INDEX have ON ledger (wallet_id DESC, created DESC)", 1, False),
        ("CREATE INDEX have ON ledger (wallet_id, created, id)", 1, True),
    ],
)
def test_an_index_that_serves_the_same_reads_is_equivalent(ledger, existing, equality, backward):
    found = serving(ledger, existing, WANTED)
    assert [(one.name, one.equality, one.backward) for one in found] == [("have", equality, backward)]


@pytest.mark.parametrize(
    "existing",
    [
        "CREATE INDEX have ON ledger (wallet_id)",
        "CREATE INDEX have ON ledger (created DESC, wallet_id)",
        "CREATE INDEX have ON ledger (wallet_id, created DESC NULLS LAST)",
        "CREATE INDEX have ON ledger (wallet_id, created DESC) WHERE other > 0",
        "CREATE INDEX have ON ledger USING brin (wallet_id, created)",
    ],
)
def test_an_index_that_serves_fewer_reads_is_not(ledger, existing):
    assert serving(ledger, existing, WANTED) == []


def test_a_unique_index_is_replaced_by_none_that_is_not(ledger):
    unique = "CREATE UNIQUE INDEX wanted ON ledger (wallet_id, created DESC)"
    assert serving(ledger, "CREATE INDEX have ON ledger (wallet_id, created DESC)", unique) == []


def test_a_column_of_another_type_of_order_is_not_the_same_key(ledger):
    by_pattern = "CREATE INDEX have ON ledger (name text_pattern_ops)"
    assert serving(ledger, by_pattern, "CREATE INDEX wanted ON ledger (name)") == []
