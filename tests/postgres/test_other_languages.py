"""A server that speaks another language: its words are shown as they are, and nothing is decided by them."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tailguard.base import processes
from tailguard.base.state import State
from tailguard.cli.main import run_cli
from tailguard.migrations.errors import DuplicateValuesError, MigrationStoppedError
from tailguard.postgres.database import schema_on
from tailguard.postgres.location import DatabaseError, connect
from tailguard.postgres.server import embedded_postgres
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tests.support.busy_machine import undisturbed
from tests.support.migration_world import (
    INDEX,
    OPEN_WRITER,
    InBackground,
    builder_pid,
    leave_invalid,
    make_ledger,
    migration,
    open_transaction,
    runner,
    state,
)
from tests.support.postgres_versions import DEBIAN_15

SHORT = [
    word
    for setting in ("migrations.economy_rows=5000", "migrations.moderation_rows=5000", "migrations.live_rows=0",
                    "load.warmup=10", "load.min_samples=20", "load.max_samples=60", "load.max_seconds=2")
    for word in ("--set", setting)
]  # fmt: skip
GERMAN = "de_DE.UTF-8"
# The wheel has no translations; Debian's server has, where its packages' messages are installed.
MESSAGES = Path("/usr/share/locale/de/LC_MESSAGES/postgres-15.mo")
LOCALEDEF, SOURCE = shutil.which("localedef"), Path("/usr/share/i18n/locales/de_DE")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not (MESSAGES.exists() and (DEBIAN_15 / "postgres").exists()),
        reason=f"a PostgreSQL 15 with {MESSAGES} is not installed (Debian: apt-get install postgresql-15)",
    ),
    pytest.mark.skipif(
        LOCALEDEF is None or not SOURCE.exists(),
        reason=f"{SOURCE} is not installed (Debian: apt-get install locales)",
    ),
]


@pytest.fixture(scope="module")
def german():
    """A PostgreSQL whose messages are German."""
    with tempfile.TemporaryDirectory(prefix="tailguard-test-") as made, pytest.MonkeyPatch.context() as patch:
        folder = Path(made)
        folder.chmod(0o755)  # the server may run as another user, for whom pytest's own folders are closed
        told = subprocess.run(
            [LOCALEDEF, "-i", "de_DE", "-f", "UTF-8", folder / GERMAN],
            capture_output=True,
            text=True,
            check=False,
        )
        if not (folder / GERMAN / "LC_MESSAGES").exists():
            pytest.skip(f"localedef made no {GERMAN}: {told.stderr.strip()}")
        small = processes._small_environment()
        patch.setattr(processes, "_small_environment", lambda: small | {"LOCPATH": made})
        settings = {"lc_messages": GERMAN, "shared_buffers": "64MB", "deadlock_timeout": "100ms"}
        with embedded_postgres(DEBIAN_15, settings) as server:
            yield server


@pytest.fixture
def database(german):
    with schema_on(german.dsn) as fresh:
        make_ledger(fresh)
        yield fresh


def test_the_server_speaks_german(database):
    with database.connect() as connection, pytest.raises(psycopg.Error, match="existiert nicht"):
        connection.execute("SELECT * FROM nowhere")


def test_an_index_is_built_found_healed_and_dropped(database):
    leave_invalid(database)
    assert runner(database).apply(migration()).healed == (INDEX,)
    assert state(database) == (True, True)
    assert runner(database).apply(migration()).done == "already there, valid"
    assert runner(database).revert(migration()).done == "dropped"


def test_a_build_that_was_ended_is_tried_again_and_its_story_keeps_the_servers_words(database):
    with open_transaction(database, OPEN_WRITER) as writer, database.connect() as other:
        build = InBackground(lambda: runner(database).apply(migration()))
        other.execute("SELECT pg_terminate_backend(%s)", [builder_pid(database)])
        writer.rollback()
        outcome = build.result()
    assert outcome.done == "built, valid"
    assert [failure.split(" ", 1)[0] for failure in outcome.failures] == ["57P01"]
    assert "Verbindung" in outcome.failures[0]


def test_our_own_deadline_and_duplicate_values_are_told_apart(database):
    with (
        open_transaction(database, OPEN_WRITER),
        pytest.raises(MigrationStoppedError, match="our own deadline"),
    ):
        runner(database, deadline_s=0.5).apply(migration())
    unique = f"CREATE UNIQUE INDEX CONCURRENTLY {INDEX} ON ledger (wallet_id)"
    with pytest.raises(DuplicateValuesError, match=r"konnte Unique Index.*Remove the duplicates"):
        runner(database).apply(migration(unique))
    assert state(database) is None


def test_a_run_with_its_migrations_is_measured_to_its_end(german, tmp_path):
    run_cli(
        ["run", "--dsn", german.dsn, "--scenario", "economy_transfer", "--runs-dir", str(tmp_path), *SHORT]
    )
    record = Run.load(tmp_path / "latest").record
    assert record.ended is Ended.COMPLETE
    sound = {State.PASS, State.INCONCLUSIVE}
    assert [(each.name, each.why) for each in undisturbed(record).verdicts if each.state not in sound] == []
    assert record.scenarios["economy_transfer"].counts.error == 0


def test_what_cannot_be_used_is_refused_with_the_servers_words_and_our_remedy(german):
    with pytest.raises(DatabaseError, match=r"Passwort-Authentifizierung.*Check that"):
        connect(make_conninfo(german.dsn, password="wrong"))
    with pytest.raises(DatabaseError, match=r"existiert nicht.*Check that"):
        connect(make_conninfo(german.dsn, dbname="nowhere"))
