"""Real servers for the tests, each started once a session; a fresh schema for each test that asks."""

import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tailguard.postgres.database import Database, schema_on
from tailguard.postgres.location import connect
from tailguard.postgres.server import Server, embedded_postgres
from tailguard.s3.address import S3Server
from tailguard.s3.server import embedded_s3

# Machines here are shared: no deadline. The same examples in each run: a property fails for a change, never by chance.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")

# Where we run in the background, Ctrl-C is ignored, and every process that a test starts would inherit that.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One embedded PostgreSQL for the whole session."""
    with embedded_postgres(settings={"shared_buffers": "128MB"}) as server:
        yield server


@pytest.fixture
def database(postgres: Server) -> Iterator[Database]:
    """A fresh schema on the session's server, dropped after the test."""
    with schema_on(postgres.dsn, server=postgres) as fresh:
        yield fresh


@pytest.fixture
def own_database(postgres: Server) -> Iterator[Callable[..., str]]:
    """Make a database with the given words after its name; returns the superuser's conninfo. Dropped afterwards."""
    made: list[str] = []

    def make(name: str, *settings: str) -> str:
        with connect(postgres.dsn) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ").format(sql.Identifier(name))
                + sql.SQL(" ".join(settings))
            )
        made.append(name)
        return make_conninfo(postgres.dsn, dbname=name)

    yield make
    with connect(postgres.dsn) as admin:
        for name in made:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def module_database(postgres: Server) -> Iterator[Database]:
    """A schema that the tests of one module share."""
    with schema_on(postgres.dsn, server=postgres) as shared:
        yield shared


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One embedded S3 server for the whole session, with an empty bucket."""
    with embedded_s3() as server:
        yield server


@pytest.fixture(autouse=True)
def own_suite(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    """Each test works on this repository's suite, wherever its present folder is."""
    monkeypatch.setenv("TAILGUARD_CONFIG", str(pytestconfig.rootpath / "tailguard.toml"))


@pytest.fixture(autouse=True)
def no_secrets_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test masks what another one was given."""
    monkeypatch.setattr("tailguard.base.secrets._known", {})


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is told while the test runs, as `said.messages`."""
    caplog.set_level("INFO", "tailguard")
    return caplog
