"""Each scenario on its fixtures, called in-process: its steps, its share of refusals, and what must hold after it."""

import pytest

from reference.database import create_tables
from reference.seed import seed_platform
from tailguard.postgres.database import schema_on
from tailguard.record.samples import CONFLICT, ERROR
from tests.support.played import bound, built_ins, play, postgres_of
from tests.support.web_served import SIZE


@pytest.fixture
def seeded(database):
    create_tables(database.conninfo)
    return seed_platform(database.conninfo, size=SIZE)


@pytest.fixture
def fixtures(database, tmp_path):
    return built_ins(tmp_path, postgres=postgres_of(database))


def refused(measured):
    return int((measured.samples.outcome == CONFLICT).sum())


def broken(measured, invariants):
    """What failed: errors by their kind, and the invariants that did not hold."""
    kinds = {
        measured.samples.errors[kind] for kind in measured.samples.error[measured.samples.outcome == ERROR]
    }
    return kinds, [name for name, each in invariants.items() if not each.held]


def test_every_twenty_fifth_registration_finds_a_full_tournament_once_it_is_full(fixtures, seeded):
    with bound("registration", fixtures, seeded=seeded) as scenario:
        measured, invariants = play(scenario, 250, users=1)
    assert broken(measured, invariants) == (set(), [])
    assert (measured.samples.steps, refused(measured)) == (("register",), 10 - 4 * 2)
    assert list(invariants) == [
        "no tournament is over its capacity",
        "nobody is registered twice",
        "every registration has its payment row",
        "every tournament's counter agrees with its rows",
        "every acknowledged registration has a row",
    ]


def test_every_fiftieth_result_is_stale_and_refused(fixtures, seeded):
    # One user alone: of several, one that waits may come back to a match that another has changed meanwhile.
    with bound("result_submission", fixtures, seeded=seeded) as scenario:
        measured, invariants = play(scenario, 200, users=1)
    assert broken(measured, invariants) == (set(), [])
    assert refused(measured) == 4
    assert list(invariants) == [
        "each version of a match has one winner",
        "every acknowledged result is in the audit log",
    ]


def test_transfers_conserve_the_money_and_a_key_that_is_used_for_another_amount_is_refused(fixtures, seeded):
    with bound("economy_transfer", fixtures, seeded=seeded) as scenario:
        measured, invariants = play(scenario, 200)
    assert broken(measured, invariants) == (set(), [])
    assert refused(measured) == 2
    assert list(invariants) == [
        "money is conserved",
        "every balance is the sum of its ledger",
        "no balance is below zero",
        "every transfer has both its rows",
        "no deadlock",
    ]


def test_a_platform_that_overfills_a_tournament_breaks_its_invariant(fixtures, seeded, monkeypatch):
    monkeypatch.setenv("TAILGUARD_FAULTS", "capacity")
    with bound("registration", fixtures, seeded=seeded) as scenario:
        measured, invariants = play(scenario, 500, users=1)
    assert "no tournament is over its capacity" in broken(measured, invariants)[1]
    assert fixtures["run"].make().notes["faults"] == ("capacity",)


def test_transfers_that_cross_in_the_wrong_order_are_retried_and_seen(fixtures, seeded, monkeypatch):
    monkeypatch.setenv("TAILGUARD_FAULTS", "crossing_deadlock")
    with bound("economy_transfer", fixtures, seeded=seeded) as scenario:
        measured, invariants = play(scenario, 16, users=8)
    assert measured.samples.retries.max() > 0
    assert not invariants["no deadlock"].held


def test_the_rows_are_seeded_in_the_size_that_the_configuration_says(postgres, tmp_path):
    flags = {"migrations.economy_rows": 4_000, "migrations.moderation_rows": 1_000}
    with schema_on(postgres.dsn, server=postgres) as database:
        given = built_ins(tmp_path, postgres=postgres_of(database), flags=flags)
        with bound("economy_transfer", given) as scenario, database.connect() as connection:
            rows = connection.execute("SELECT count(*) FROM economy_economytransaction").fetchone()
            assert rows == (4_000,)
            measured, invariants = play(scenario, 20)
    assert broken(measured, invariants) == (set(), [])
