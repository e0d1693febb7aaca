"""Where the time went: statements counted per slice, on a real server; refused where the counts cannot be trusted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
import pytest

from tailguard.engine.measure import Progress
from tailguard.engine.schedule import Closed
from tailguard.engine.workload import Load, PlainScenario, Workload
from tailguard.postgres.attribution import MOST_STATEMENTS, Attribution, attributed
from tailguard.postgres.database import Database
from tailguard.postgres.server import Server, embedded_postgres
from tailguard.postgres.statements import Statements, StatementsAbsentError, StatementsRejectedError
from tailguard.record.samples import Samples
from tailguard.record.scenario import (
    ScenarioEnded,
    ServerTime,
    ServerTimeAbsent,
    ServerTimeRejected,
    Statement,
)


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect() as connection:
        connection.execute("CREATE TABLE things (id int PRIMARY KEY, name text)")
        yield connection


@pytest.fixture
def reader(database: Database) -> Iterator[Statements]:
    with database.connect() as connection:
        yield Statements(connection, create=True)


def workload(slug: str, warmup: int = 0) -> Workload:
    return Workload(PlainScenario(slug, lambda it: it), Load(Closed(1, 1.0), 1, warmup))


def progress(slug: str, served_ms: float, n: int = 1) -> Progress:
    """A slice's end, after `n` samples that took `served_ms` in all."""
    started = np.arange(n, dtype=np.int64)
    zeros = np.zeros(n, np.int32)
    ended = started + int(served_ms * 1e6 / n)
    samples = Samples(
        slug,
        ("go",),
        ("",),
        started,
        started,
        ended,
        zeros.astype(np.uint8),
        zeros.astype(np.uint8),
        zeros,
        zeros,
    )
    return Progress(slug, samples, 1.0, 1.0, ScenarioEnded.RUNNING)


def shape(number: int) -> str:
    """A statement of a shape of its own: names and constants do not make one, the number of columns does."""
    return "SELECT " + ", ".join(["1"] * (number + 1))


@dataclass
class Work:
    """Statements of two shapes, executed by somebody."""

    connection: psycopg.Connection[Any]
    made: int = 0

    def insert(self, times: int) -> None:
        for _ in range(times):
            self.made += 1
            self.connection.execute("INSERT INTO things VALUES (%s, 'x')", [self.made])

    def read(self, times: int) -> None:
        for _ in range(times):
            self.connection.execute("SELECT name FROM things WHERE id < %s", [1000]).fetchall()


def measured(attribution: Attribution, slug: str = "a") -> ServerTime:
    found = attribution.server_time(slug)
    assert isinstance(found, ServerTime)
    return found


def named(found: ServerTime, word: str) -> Statement:
    (one,) = [each for each in found.statements if word in each.text]
    return one


def test_a_difference_has_the_exact_calls_and_rows(connection, reader) -> None:
    work = Work(connection)
    work.insert(2)
    before = reader.read()
    work.insert(5)
    work.read(3)
    grown = reader.read().since(before)
    texts = reader.texts(grown)
    found = {texts[key].split()[0]: counts for key, counts in grown.items() if key in texts}
    assert (found["INSERT"].calls, found["INSERT"].rows) == (5, 5)
    assert (found["SELECT"].calls, found["SELECT"].rows) == (3, 21)
    assert found["SELECT"].hit_blocks > 0
    assert found["INSERT"].exec_ms > 0


def test_constants_do_not_reach_the_texts(connection, reader) -> None:
    before = reader.read()
    connection.execute("SELECT 'a secret of somebody' FROM things")
    texts = reader.texts(reader.read().since(before))
    assert any("FROM things" in text for text in texts.values())
    assert not any("secret" in text for text in texts.values())


def test_each_slice_is_its_own_scenarios_and_a_shared_statement_is_split(database, connection) -> None:
    work = Work(connection)
    with attributed(database, [workload("a"), workload("b")]) as attribution:
        work.insert(4)
        attribution.after_slice(progress("a", 100.0, 4))
        work.insert(1)
        work.read(6)
        attribution.after_slice(progress("b", 50.0, 7))
        work.insert(3)
        attribution.after_slice(progress("a", 180.0, 7))
        a, b = measured(attribution, "a"), measured(attribution, "b")
    assert named(a, "INSERT").calls == 7
    assert (named(b, "INSERT").calls, named(b, "SELECT").calls) == (1, 6)
    assert len(a.statements) == 1  # our own readings are not among them
    assert (a.samples, a.service_ms) == (7, pytest.approx(180.0, rel=1e-3))
    assert a.remainder_ms == pytest.approx(a.service_ms - a.server_ms)


def test_the_slice_with_the_warm_up_is_left_out_on_both_sides(database, connection) -> None:
    work = Work(connection)
    with attributed(database, [workload("a", warmup=9)]) as attribution:
        work.insert(9 + 2)
        attribution.after_slice(progress("a", 20.0, 2))
        work.insert(5)
        attribution.after_slice(progress("a", 90.0, 7))
        found = measured(attribution)
    assert named(found, "INSERT").calls == found.samples == 5
    assert found.service_ms == pytest.approx(70.0, rel=1e-3)


def test_a_single_slice_with_its_warm_up_says_why_there_is_nothing(database, connection) -> None:
    with attributed(database, [workload("a", warmup=1)]) as attribution:
        Work(connection).insert(1)
        attribution.after_slice(progress("a", 1.0))
        found = attribution.server_time("a")
    assert isinstance(found, ServerTimeAbsent)
    assert "first slice" in found.why


def test_the_rare_statements_are_one_line(database, connection) -> None:
    with attributed(database, [workload("a")]) as attribution:
        for number in range(MOST_STATEMENTS + 3):
            connection.execute(shape(number))
        attribution.after_slice(progress("a", 100.0))
        found = measured(attribution)
    assert len(found.statements) == MOST_STATEMENTS
    assert found.others is not None
    assert found.others.calls == 3
    assert sum(each.exec_ms for each in [*found.statements, found.others]) == pytest.approx(found.server_ms)


def test_statements_beyond_the_timed_steps_leave_no_remainder_to_tell(database, connection) -> None:
    with attributed(database, [workload("a")]) as attribution:
        connection.execute("SELECT pg_sleep(0.02)")
        attribution.after_slice(progress("a", 1.0))
        assert measured(attribution).remainder_ms is None


def test_a_reset_by_somebody_else_rejects_the_whole_account(database, connection, reader) -> None:
    with attributed(database, [workload("a")]) as attribution:
        Work(connection).insert(1)
        attribution.after_slice(progress("a", 1.0))
        connection.execute("SELECT public.pg_stat_statements_reset()")
        attribution.after_slice(progress("a", 2.0))
        attribution.after_slice(progress("a", 3.0))  # stays rejected
        found = attribution.server_time("a")
    assert isinstance(found, ServerTimeRejected)
    assert "reset by another session meanwhile" in found.why


def test_a_server_that_dies_meanwhile_costs_the_account_and_not_the_run(database, connection) -> None:
    with attributed(database, [workload("a")]) as attribution:
        pid = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tailguard statements'"
        connection.execute(pid)
        attribution.after_slice(progress("a", 1.0))
        assert isinstance(attribution.server_time("a"), ServerTimeRejected)


@pytest.mark.system
def test_evicted_entries_reject_the_difference() -> None:
    """At its smallest the view holds 100 statements; 200 shapes evict some."""
    with (
        embedded_postgres(settings={"pg_stat_statements.max": 100, "shared_buffers": "16MB"}) as small,
        psycopg.connect(small.dsn, autocommit=True) as connection,
    ):
        reader = Statements(connection, create=True)
        before = reader.read()
        for number in range(200):
            connection.execute(shape(number))
        with pytest.raises(StatementsRejectedError, match=r"raise pg_stat_statements\.max"):
            reader.read().since(before)


@pytest.fixture
def other_database(postgres: Server) -> Iterator[Callable[[], psycopg.Connection[Any]]]:
    """A database of somebody's who has never made the extension."""
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE plain_of_somebody TEMPLATE template0")
        yield lambda: psycopg.connect(postgres.dsn, dbname="plain_of_somebody", autocommit=True)
        connection.execute("DROP DATABASE plain_of_somebody WITH (FORCE)")


def test_a_users_server_without_the_extension_is_told_what_would_help(other_database) -> None:
    with other_database() as connection, pytest.raises(StatementsAbsentError, match="CREATE EXTENSION"):
        Statements(connection)


@pytest.mark.system
def test_an_extension_that_is_not_preloaded_is_told_so() -> None:
    with (
        embedded_postgres(settings={"shared_preload_libraries": "", "shared_buffers": "16MB"}) as bare,
        psycopg.connect(bare.dsn, autocommit=True) as connection,
        pytest.raises(StatementsAbsentError, match="shared_preload_libraries"),
    ):
        Statements(connection, create=True)


def test_an_account_that_cannot_be_opened_says_why_for_each_scenario() -> None:
    attribution = Attribution(None, [workload("a")], "not installed")
    attribution.after_slice(progress("a", 1.0))
    assert attribution.server_time("a") == ServerTimeAbsent(why="not installed")
