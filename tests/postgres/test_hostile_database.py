"""Somebody else's database: none of its functions is called, no setting of a role reaches us, its comments are data."""

import re
from itertools import islice, product
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import tailguard
from reference.database import Database as Crown
from tailguard.migrations.runner import Runner
from tailguard.migrations.status import status_of
from tailguard.postgres import schema as schemas
from tailguard.postgres.database import Database, schema_on
from tailguard.postgres.location import DatabaseError, connect
from tailguard.postgres.reader import Postgres
from tailguard.postgres.session import for_session, keep_to_catalogue
from tailguard.postgres.settings import postgres_record
from tailguard.postgres.statements import Statements
from tests.support.migration_world import make_ledger, migration

# Types that fit one of Tailguard's calls better than PostgreSQL's own argument does, and so would win over it.
NEARER = {
    "text": ["name", "varchar"],
    "oid": ["int4", "int8"],
    "int8": ["int4", "numeric"],
    "regclass": ["oid"],
}
MOST_OVERLOADS = 12
OURS = sorted(
    {
        name
        for path in Path(tailguard.__file__).parent.rglob("*.py")
        for name in re.findall(r"\b([a-z][a-z_0-9]+)\(", path.read_text(encoding="utf-8"))
    }
)
SIGNATURES = """
SELECT p.proname, pg_catalog.array_agg(t.typname::text ORDER BY a.n)
FROM pg_catalog.pg_proc p, unnest(p.proargtypes) WITH ORDINALITY a(type, n) JOIN pg_catalog.pg_type t ON t.oid = a.type
WHERE p.proname = ANY(%s) AND p.pronamespace = 'pg_catalog'::regnamespace AND p.pronargs <= 4
GROUP BY p.oid, p.proname
"""
TRAP = """
CREATE FUNCTION public.{}({}) RETURNS text LANGUAGE plpgsql AS
$$BEGIN PERFORM pg_catalog.nextval('public.sprung'); RETURN NULL; END$$
"""
OPERATOR_TRAP = """
CREATE FUNCTION public.trap(name, varchar) RETURNS bool LANGUAGE plpgsql AS
$$BEGIN PERFORM pg_catalog.nextval('public.sprung'); RETURN false; END$$;
CREATE FUNCTION public.trap(oid, int2) RETURNS bool LANGUAGE plpgsql AS
$$BEGIN PERFORM pg_catalog.nextval('public.sprung'); RETURN false; END$$;
CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = varchar, FUNCTION = public.trap);
CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = int2, FUNCTION = public.trap);
"""


def set_traps(conninfo):
    """Place a function in `public` beside each of PostgreSQL's own that we call, for types that fit better."""
    with connect(conninfo) as admin:
        admin.execute("CREATE SEQUENCE public.sprung")
        admin.execute(OPERATOR_TRAP)
        signatures = admin.execute(SIGNATURES, [OURS]).fetchall()
        for name, types in signatures:
            nearer = product(*([*NEARER.get(one, []), one] for one in types))
            for better in islice((list(one) for one in nearer), MOST_OVERLOADS):
                try:
                    admin.execute(TRAP.format(name, ", ".join(better)))
                except psycopg.Error:  # a pseudo-type, or made already
                    continue
        count = admin.execute(
            "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        ).fetchone()[0]
        assert count > 200


def sprung(conninfo):
    with connect(conninfo) as admin:
        return admin.execute("SELECT is_called FROM public.sprung").fetchone()[0]


@pytest.mark.system
def test_the_traps_are_sprung_by_a_careless_call(own_database):
    conninfo = own_database("careless")
    set_traps(conninfo)
    with connect(conninfo) as careless:
        careless.execute("SELECT starts_with(nspname, 'tailguard_') FROM pg_namespace")
    assert sprung(conninfo)


@pytest.mark.system
def test_no_function_of_somebody_elses_is_called_by_a_run(own_database):
    conninfo = own_database("hostile")
    set_traps(conninfo)
    with schema_on(conninfo) as database:
        with database.connect() as connection:
            postgres_record(connection, "yours")
            Statements(connection, create=True).read()
        with Postgres(database.conninfo, database.schema, "18", "yours").reader() as reader:
            reader.deadlocks()
    with schema_on(conninfo, "tailguard_again"):
        pass
    assert not sprung(conninfo)


@pytest.mark.system
def test_no_function_of_somebody_elses_is_called_by_a_migration_in_public(own_database):
    conninfo = own_database("hostile_too")
    theirs = Database(for_session(conninfo, "public"), "public", "18", "yours")
    make_ledger(theirs)
    set_traps(conninfo)
    runner = Runner(theirs)
    assert runner.up(migration()).done == "built, valid"
    with theirs.connect() as connection:
        keep_to_catalogue(connection)
        assert status_of(connection, migration()).state == "valid"
    assert runner.heal(migration()).done == "nothing to heal"
    assert runner.down(migration()).done == "dropped"
    assert not sprung(conninfo)


@pytest.mark.parametrize(
    "setting",
    [
        "statement_timeout = '5ms'",
        "lock_timeout = '1ms'",
        "idle_in_transaction_session_timeout = '1ms'",
        "idle_session_timeout = '50ms'",
        "transaction_timeout = '50ms'",
        "client_encoding = 'LATIN1'",
        "search_path = 'information_schema, public'",
    ],
)
def test_a_setting_of_the_role_does_not_reach_our_sessions(postgres, setting):
    with connect(postgres.dsn) as admin:
        admin.execute("CREATE ROLE hasty LOGIN SUPERUSER PASSWORD 'hasty-password'")
        admin.execute(f"ALTER ROLE hasty SET {setting}")
        try:
            theirs = make_conninfo(postgres.dsn, user="hasty", password="hasty-password")
            with connect(theirs) as session:
                session.execute("SELECT pg_sleep(0.1)")
            with schema_on(theirs) as database:
                keeps_working(database)
                name = database.schema
            assert admin.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [name]).fetchone() is None
        finally:
            admin.execute("DROP OWNED BY hasty")
            admin.execute("DROP ROLE hasty")


def keeps_working(database):
    """Work in one of Tailguard's sessions and in one of the platform's, which gets our connection string."""
    with database.connect() as connection:
        connection.execute("CREATE TABLE words (word text)")
        connection.execute("SELECT pg_sleep(0.1)")
        connection.execute("INSERT INTO words VALUES (%s)", ["naïve → 点"])
    crown = Crown(database.conninfo, size=1)
    try:
        with crown.connection() as lent:
            assert lent.row("SELECT word FROM words") == ("naïve → 点",)
            with connect(database.conninfo) as other:
                other.execute("SELECT pg_sleep(0.1)")
            assert lent.row("SELECT current_schema()::text") == (database.schema,)
    finally:
        crown.close()


def test_a_database_without_an_encoding_is_refused_before_anything_is_made(own_database):
    conninfo = own_database("ascii", "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(DatabaseError, match=r"encoding SQL_ASCII.*ENCODING 'UTF8'"), schema_on(conninfo):
        pass


def test_text_that_latin1_has_is_written_and_read_there(own_database):
    conninfo = own_database("latin", "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    with schema_on(conninfo) as database, database.connect() as connection:
        assert connection.execute("SELECT %s::text", ["naïve"]).fetchone() == ("naïve",)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_an_index_is_built_in_a_database_of_any_encoding(own_database, encoding):
    conninfo = own_database("indexed", f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
    theirs = Database(for_session(conninfo, "public"), "public", "18", "yours")
    make_ledger(theirs)
    assert Runner(theirs).up(migration()).done == "built, valid"
    assert Runner(theirs).down(migration()).done == "dropped"


@pytest.mark.parametrize("tag", ["CREATE SCHEMA", "CREATE TABLE", "CREATE INDEX", "DROP SCHEMA"])
def test_an_event_trigger_that_forbids_our_ddl_is_named_before_anything_is_made(own_database, tag):
    conninfo = own_database("frozen")
    with connect(conninfo) as admin:
        admin.execute(
            "CREATE FUNCTION no_ddl() RETURNS event_trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'no DDL today'; END$$"
        )
        admin.execute(
            f"CREATE EVENT TRIGGER guard_of_tables ON ddl_command_start WHEN tag IN ('{tag}') EXECUTE FUNCTION no_ddl()"
        )
    said = r"refuses to make and drop the tables.*P0001.*no DDL today.*guard_of_tables \(ddl_command_start\)"
    with pytest.raises(DatabaseError, match=said), schema_on(conninfo, "tailguard_frozen"):
        pass
    with connect(conninfo) as admin:
        assert schemas.leftovers(admin, 0) == []
        assert admin.execute("SELECT 1 FROM pg_namespace WHERE nspname ~ '^tailguard_'").fetchall() == []


@pytest.mark.parametrize(
    "comment",
    [
        '{"made_utc": "2020-01-01T00:00:00+00:00", "host": "h", "pid": 100000000000000000000}',
        '{"made_utc": "2020-01-01T00:00:00+00:00", "host": "h", "pid": 2147483648}',
        '{"made_utc": "2020-01-01T00:00:00+00:00", "host": "h", "pid": -1}',
        '{"made_utc": "2020-01-01T00:00:00+00:00", "host": "h", "pid": Infinity}',
        '{"made_utc": "2020-01-01T00:00:00+00:00", "host": "h", "pid": 1e400}',
        '{"made_utc": "2020-01-01T00:00:00", "host": "h", "pid": 1}',
        '{"made_utc": "0000-99-99", "host": "h", "pid": 1}',
        '{"made_utc": 7, "host": ["h"], "pid": "1"}',
        "[" * 100_000,
        '{"host":' * 100_000,
        "null",
        "",
    ],
    ids=lambda text: text[-30:],
)
def test_a_comment_that_only_looks_like_ours_stops_no_run_and_its_schema_stays(postgres, comment):
    with connect(postgres.dsn) as admin:
        admin.execute("CREATE SCHEMA tailguard_forged")
        try:
            text = sql.Literal(schemas.MARKER + comment)
            admin.execute(sql.SQL("COMMENT ON SCHEMA tailguard_forged IS {}").format(text))
            with schema_on(postgres.dsn) as database:
                assert database.schema != "tailguard_forged"
            assert schemas.leftovers(admin, 0) == []
            assert not schemas.drop(admin, "tailguard_forged")
            refused = pytest.raises(DatabaseError, match="was not made by tailguard")
            with refused, schema_on(postgres.dsn, "tailguard_forged"):
                pass
        finally:
            admin.execute("DROP SCHEMA tailguard_forged")


def test_a_name_that_would_be_sql_is_not_put_into_the_advice(postgres, said):
    name = "tailguard_x CASCADE; DROP SCHEMA public; --"
    old = '{"made_utc":"2020-01-01T00:00:00+00:00","host":"elsewhere","pid":1}'
    with connect(postgres.dsn) as admin:
        identifier = sql.Identifier(name)
        admin.execute(sql.SQL("CREATE SCHEMA {}").format(identifier))
        try:
            admin.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(identifier, schemas.MARKER + old))
            with schema_on(postgres.dsn):
                assert "DROP SCHEMA" not in said.text
        finally:
            admin.execute(sql.SQL("DROP SCHEMA {}").format(identifier))


def test_a_schema_is_looked_up_as_it_is_written(own_database):
    conninfo = own_database("cases")
    odd = 'My "odd" \\ schema'
    with connect(conninfo) as admin:
        admin.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(odd)))
    with connect(for_session(conninfo, odd)) as there:
        assert there.execute("SELECT current_schema()").fetchone() == (odd,)
    assert conninfo_to_dict(for_session(conninfo, odd))["dbname"] == "cases"
