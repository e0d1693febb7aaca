"""Other processes of a run get what they need of its database, and never a superuser's connection."""

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tailguard.postgres import Postgres, connect
from tailguard.suite.invariants import SkippedError

SUPER = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"


def given(database, source="embedded"):
    return Postgres(database.conninfo, database.schema, database.version, source)


@pytest.fixture
def worker(database):
    """A connection as a worker makes it; the table was there before, the other comes after."""
    with connect(database.conninfo) as owner:
        owner.execute("CREATE TABLE seats (id serial PRIMARY KEY)")
        limited = given(database).for_workers()
        owner.execute("CREATE TABLE orders (id serial PRIMARY KEY)")
    with connect(limited.conninfo) as connection:
        yield connection
    role = sql.Identifier(str(conninfo_to_dict(limited.conninfo)["user"]))
    with connect(database.conninfo) as owner:
        owner.execute(sql.SQL("DROP OWNED BY {}").format(role))
        owner.execute(sql.SQL("DROP ROLE {}").format(role))


def test_it_may_do_anything_in_the_runs_schema_and_is_no_superuser(worker):
    assert worker.execute(SUPER).fetchone() == (False,)
    for table in ("seats", "orders"):
        worker.execute(f"INSERT INTO {table} DEFAULT VALUES")
        assert worker.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
    worker.execute("CREATE TABLE own ()")


@pytest.mark.parametrize(
    "forbidden",
    ["CREATE SCHEMA another", "SELECT rolpassword FROM pg_authid", "COPY (SELECT 1) TO PROGRAM 'true'"],
)
def test_it_may_do_nothing_else(worker, forbidden):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute(forbidden)


def test_who_is_no_superuser_is_handed_over_as_it_is(worker, database):
    own = Postgres(worker.info.dsn + f" password={worker.info.password}", database.schema, "17", "yours")
    assert own.for_workers() == own


def test_a_superuser_of_a_server_of_yours_is_kept_and_no_role_is_made_there(database):
    before = roles(database)
    with pytest.raises(SkippedError, match=r"let database\.dsn name another user"):
        given(database, "yours").for_workers()
    assert roles(database) == before


def test_a_database_that_is_not_ours_to_read_stays_so():
    nothing = Postgres("", "", "", "yours")
    assert nothing.for_workers() == nothing


def roles(database):
    with connect(make_conninfo(database.conninfo)) as connection:
        return connection.execute("SELECT rolname FROM pg_roles ORDER BY 1").fetchall()
