"""Which database: the flag, then DATABASE_URL, then libpq's variables, then none; and no password in any word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

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
    place = locate(URL.replace("postgresql", scheme))
    assert place.address == "db.example.org:6543/arena"
    assert conninfo_to_dict(place.conninfo)["application_name"] == "tailguard"


def test_libpqs_variables_complete_the_address(monkeypatch):
    monkeypatch.setenv("PGHOST", "there")
    monkeypatch.setenv("PGDATABASE", "arena")
    assert locate().address == "there:5432/arena"


def test_a_service_file_is_read_by_libpq(monkeypatch, tmp_path, postgres):
    known = conninfo_to_dict(postgres.dsn)
    words = [f"{name}={known[name]}" for name in ("host", "port", "user", "password", "dbname")]
    (tmp_path / "services").write_text("[arena]\n" + "\n".join(words) + "\n", encoding="utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSERVICE", "arena")
    with connect(locate().conninfo) as connection:
        assert connection.info.port == postgres.port


@pytest.mark.parametrize("text", ["mysql://ana:s3cret@x/y", "postgresql://ana:s3cret@[::1/y", "s3cret"])
def test_what_is_no_connection_string_is_refused_without_being_quoted(text):
    with pytest.raises(DatabaseError, match="--dsn is no PostgreSQL connection string") as refused:
        locate(text)
    assert "s3cret" not in str(refused.value)
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


@given(password=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=6))
def test_no_password_whatever_its_letters_is_in_the_address(password):
    assert address(make_conninfo(host="h", port=1, dbname="d", user="u", password=password)) == "h:1/d"
