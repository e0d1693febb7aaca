"""Each scenario on its fixtures, called in-process: its steps, its share of refusals, and what must hold after it."""

import pytest

from perf.adapters.in_process import InProcessPlatform
from perf.mapping.mapped import Tried
from perf.offer import World, rows_of
from perf.platform import RefusedError, ShowsDatabase
from reference.database import create_tables
from reference.seed import seed_platform
from tailguard.postgres.database import schema_on
from tailguard.record.samples import CONFLICT, ERROR
from tests.support.played import bound, built_ins, play, postgres_of
from tests.support.suite import ROOT
from tests.support.web_served import SIZE

pytestmark = pytest.mark.system


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
        "every acknowledged transfer has its rows",
        "no deadlock",
    ]


class Hollow:
    """A platform that says yes to everything, does nothing, and answers what it was made with."""

    def __init__(self, answer):
        self.answer = answer

    def register(self, *_):
        return self.answer

    def transfer(self, *_):
        return self.answer


@pytest.mark.parametrize("name", ["registration", "economy_transfer"])
def test_an_answer_that_says_nothing_is_an_error(fixtures, seeded, name):
    with bound(name, fixtures, seeded=seeded, platform=Hollow(None)) as scenario:
        measured, _ = play(scenario, 50)
    assert broken(measured, {})[0] == {"AttributeError"}


def test_a_platform_that_does_nothing_breaks_the_invariant_of_what_it_acknowledged(fixtures, seeded):
    with bound("economy_transfer", fixtures, seeded=seeded, platform=Hollow(Tried())) as scenario:
        _, invariants = play(scenario, 50)
    assert [name for name, each in invariants.items() if not each.held] == [
        "every acknowledged transfer has its rows"
    ]


class Forgetful(Hollow):
    """A platform that looks at the key of a transfer alone, and answers the first result for whatever amount."""

    def __init__(self, platform):
        self.platform, self.amounts = platform, {}

    def transfer(self, sender, receiver, amount, key):
        return self.platform.transfer(sender, receiver, self.amounts.setdefault(key, amount), key)


def test_a_key_that_is_acknowledged_for_a_second_amount_is_an_error(fixtures, seeded):
    with bound("economy_transfer", fixtures, seeded=seeded) as scenario:
        (reference,) = (each for each in scenario.shared if isinstance(each, InProcessPlatform))
        forgetful = Forgetful(reference)
        with bound("economy_transfer", fixtures, seeded=seeded, platform=forgetful) as other:
            measured, invariants = play(other, 200)
    assert broken(measured, invariants) == ({"AssertionError"}, [])
    assert (measured.samples.outcome == ERROR).sum() == 2


def test_the_adapter_that_the_recipe_shows_works_and_shows_its_database(seeded, database):
    text = (ROOT / "docs" / "how-to" / "platform-adapter.md").read_text(encoding="utf-8")
    acme = {"__name__": "acme"}
    exec(text.partition("```python\n")[2].partition("```")[0], acme)
    adapter = acme["Acme"](World(rows_of(seeded), database.conninfo))
    try:
        assert isinstance(adapter, ShowsDatabase)
        assert adapter.database() == database.conninfo
        assert adapter.register(seeded.open_tournaments[0], 7).user_id == 7
        with pytest.raises(RefusedError):
            adapter.register(seeded.open_tournaments[0], 7)
    finally:
        adapter.close()


def test_a_platform_that_overfills_a_tournament_breaks_its_invariant(fixtures, seeded, monkeypatch):
    monkeypatch.setenv("TAILGUARD_FAULTS", "capacity")
    with bound("registration", fixtures, seeded=seeded) as scenario:
        measured, invariants = play(scenario, 500, users=1)
    assert "no tournament is over its capacity" in broken(measured, invariants)[1]
    assert fixtures["run"].make().notes["faults"] == ("capacity",)


def test_transfers_that_cross_in_the_wrong_order_are_retried_and_seen(fixtures, seeded, monkeypatch):
    monkeypatch.setenv("TAILGUARD_FAULTS", "crossing_deadlock")
    with bound("economy_transfer", fixtures, seeded=seeded) as scenario:
        measured, invariants = play(scenario, 80, users=8)
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
