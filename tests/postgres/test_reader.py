"""A reader of single values, as invariants have it: it lives through a fault that costs it its connection."""

import psycopg
import pytest

from tailguard.postgres import Postgres


@pytest.fixture
def reader(database):
    given = Postgres(database.conninfo, database.schema, database.version, database.source)
    with given.reader() as reader:
        yield reader


def test_a_value_is_the_first_column_of_the_first_row(reader):
    assert reader.value("SELECT n, 'more' FROM generate_series(%s::int, 9) n", 7) == 7
    assert reader.value("SELECT 1 WHERE false") is None


def test_it_reads_in_the_schema_of_the_run(reader, database):
    assert reader.value("SELECT current_schema()") == database.schema


def test_it_connects_again_after_its_connection_was_ended(reader, database):
    ended = reader.value("SELECT pg_backend_pid()")
    with database.connect() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (ended,))
    assert reader.value("SELECT pg_backend_pid()") != ended


def test_a_query_that_is_wrong_is_not_tried_again(reader):
    with pytest.raises(psycopg.errors.UndefinedTable):
        reader.value("SELECT * FROM nowhere")


def test_deadlocks_are_counted_from_its_own_beginning(reader):
    assert reader.deadlocks() == 0


def test_a_connection_string_is_not_shown(database):
    assert database.conninfo not in repr(Postgres(database.conninfo, "s", "18", "yours"))
