"""The database room: a schema of our own, on any server, with nothing else touched."""

from perf.postgres.settings import postgres_record


def test_a_fresh_schema_is_the_search_path(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE thing (id int)")
        row = connection.execute("SELECT current_schema(), to_regclass('thing')::text").fetchone()
    assert row == (database.schema, "thing")


def test_the_record_names_version_and_changed_settings(database):
    with database.connect() as connection:
        record = postgres_record(connection, database.source)
    assert record["version"] == database.version
    assert record["settings"]["max_wal_size"] == "4GB"
    assert "search_path" not in record["settings"]
