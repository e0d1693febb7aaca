"""Which database: the flag, then DATABASE_URL, then libpq's variables, then none; and no password in any word."""

from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tailguard.base.errors import UsageError
from tailguard.postgres.location import DatabaseError, address, connect, locate
from tailguard.postgres.session import for_session

URL = "postgresql://ana:s3cret@db.example.org:6543/arena"


@pytest.fixture(autouse=True)
def no_libpq_variables(monkeypatch):
    for name in (
        "PGHOST",
        "PGPORT",
        "PGUSER",
        "PGDATABASE",
        "PGSERVICE",
        "PGOPTIONS",
        "PGPASSWORD",
        "PGHOSTADDR",
    ):
        monkeypatch.delenv(name, raising=False)


def test_the_flag_goes_before_the_url_before_libpqs_variables():
    everything = {"DATABASE_URL": URL, "PGHOST": "other"}
    assert locate("host=flag", everything).named_by == "--dsn"
    assert locate("", everything).named_by == "DATABASE_URL"
    assert locate(None, {"PGHOST": "other", "PGPORT": "1"}).named_by == "PGHOST, PGPORT"
    assert locate(None, {}) is None


def test_a_password_alone_names_no_server():
    assert locate(None, {"PGPASSWORD": "x", "PGSSLMODE": "require"}) is None


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgres+psycopg2"])
def test_the_schemes_of_other_libraries_are_understood(scheme):
    known = conninfo_to_dict(locate(URL.replace("postgresql", scheme)).conninfo)
    assert (known["host"], known["port"], known["dbname"]) == ("db.example.org", "6543", "arena")
    assert known["application_name"] == "tailguard"


def test_a_service_file_is_read_by_libpq(monkeypatch, tmp_path, postgres):
    known = conninfo_to_dict(postgres.dsn)
    words = [f"{name}={known[name]}" for name in ("host", "port", "user", "password", "dbname")]
    (tmp_path / "services").write_text("[arena]\n" + "\n".join(words) + "\n", encoding="utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSERVICE", "arena")
    with connect(locate().conninfo) as connection:
        assert address(connection).endswith(f":{postgres.port}/postgres")
    monkeypatch.delenv("PGSERVICE")
    with connect(locate("service=arena").conninfo) as connection:
        assert address(connection).endswith(f":{postgres.port}/postgres")


def test_of_many_hosts_the_one_that_was_reached_is_named(postgres):
    known = conninfo_to_dict(postgres.dsn)
    many = f"postgresql://{known['user']}:{known['password']}@127.0.0.1:9,127.0.0.1:{postgres.port}/postgres"
    with connect(locate(many).conninfo) as connection:
        assert address(connection) == f"127.0.0.1:{postgres.port}/postgres"


def test_of_many_hosts_that_do_not_answer_each_is_named_once():
    with pytest.raises(DatabaseError) as refused:
        connect(locate("postgresql://ana:s3cret@127.0.0.1:9,127.0.0.1:10/arena").conninfo)
    assert str(refused.value).count("port 9 failed") == str(refused.value).count("port 10 failed") == 1


def test_a_service_that_does_not_exist_is_named_by_libpqs_words(monkeypatch):
    with pytest.raises(DatabaseError, match=r'PostgreSQL cannot be used: .*service "nosuch" not found'):
        connect(locate("service=nosuch").conninfo)


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        ("mysql://ana:s3cret@x/y", "it names MySQL, and Tailguard works on PostgreSQL"),
        ("sqlite:///s3cret.db", "it names SQLite"),
        ("mariadb+pymysql://ana:s3cret@x/y", "it names MariaDB"),
        ("jdbc:postgresql://x/y?user=ana&password=s3cret", "Leave `jdbc:` out"),
        ("postgresql//ana:s3cret@x/y", "write its beginning as postgresql://"),
        ("postgres:/ana:s3cret@x/y", "write its beginning as postgresql://"),
        ("postgre://ana:s3cret@x/y", "write its beginning as postgresql://"),
        ("POSTGRESQL://ana:s3cret@x/y", "write its beginning as postgresql://"),
        ("postgresql://ana:s3cret@x/y?schema=app", "name the schema with --schema"),
        ("postgresql://ana:s3cret@x/y?currentSchema=app", "name the schema with --schema"),
        ("postgresql://ana:s3cret@x/y?ssl=1", "write sslmode=require"),
        ("postgresql://ana:s3cret@x/y?pgbouncer=true", "not its pooler"),
        ("postgresql://ana:s3cret%zz@x/y", "% as %25"),
        ("postgresql://ana:s3/cret@x/y", "/ as %2F"),
        ("postgresql://ana:33/cret@x/y", "/ as %2F"),
        ("postgresql://ana:s3@cret@x/y", "@ as %40"),
        ("postgresql://ana:s3 cret@x/y", "a blank as %20"),
        ("postgresql://ana:s3cret/y", "its port is not a number"),
        ("postgresql://ana:s3cret@[::1/y", "its parts cannot be told apart"),
        ("host=x password=s3 cret", "a value with blanks in"),
        ("s3cret", "write postgresql://user@host:5432/database"),
    ],
)
def test_what_is_not_a_connection_string_is_refused_by_the_sentence_that_helps(text, help_):
    with pytest.raises(UsageError, match="--dsn is not a PostgreSQL connection string: ") as refused:
        locate(text)
    assert help_ in str(refused.value)
    assert "cret" not in str(refused.value)
    assert refused.value.exit_code == 64


def test_the_password_is_not_in_the_repr():
    assert "s3cret" not in repr(locate(URL))


def test_an_unreachable_server_is_named_by_host_and_port():
    with pytest.raises(DatabaseError, match=r"PostgreSQL at 127\.0\.0\.1:9/arena cannot be used") as refused:
        connect("postgresql://ana:s3cret@127.0.0.1:9/arena")
    assert "s3cret" not in str(refused.value)
    assert "accepting TCP/IP connections? Check that it runs" in str(refused.value)


def test_a_wrong_password_is_not_repeated(postgres):
    wrong = make_conninfo(postgres.dsn, password="hunter22")
    with pytest.raises(DatabaseError, match="password authentication failed") as refused:
        connect(wrong)
    assert "hunter22" not in str(refused.value)


def test_a_search_path_is_added_to_the_options_that_are_there(postgres):
    with connect(for_session(make_conninfo(postgres.dsn, options="-c work_mem=5MB"), "a")) as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)
        assert connection.execute("SHOW search_path").fetchone() == ('"a"',)


# Letters that mean something to libpq, and others.
PASSWORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", categories=("L", "N", "P", "S")), min_size=4
)


@given(PASSWORDS)
def test_no_part_of_a_password_is_taken_for_a_host_a_port_or_a_database(password):
    """Percent-encoded it is read as it is; bare it is read as it is, or refused."""
    encoded = conninfo_to_dict(locate(f"postgresql://u:{quote(password, safe='')}@h:1/d").conninfo)
    assert encoded["password"] == password
    with suppress(UsageError):
        found = conninfo_to_dict(locate(f"postgresql://u:{password}@h:1/d").conninfo)
        assert (found["host"], found["port"], found["dbname"]) == ("h", "1", "d")
