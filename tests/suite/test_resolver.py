"""Fixtures are made once each, in the right scope and thread, and torn down in reverse, whatever happens."""

from dataclasses import dataclass
from threading import Event, Thread, current_thread
from types import SimpleNamespace

import pytest

from tailguard.base.errors import TailguardError, UsageError
from tailguard.suite import lifetime
from tailguard.suite.data import Withheld
from tailguard.suite.fixture import Fixture, fixture, given
from tailguard.suite.invariants import SkippedError, expect, skip
from tailguard.suite.plan import plan_scenario
from tailguard.suite.resolver import Resolver
from tailguard.suite.scenario import scenario

SAMPLES = SimpleNamespace(ok=3)


@dataclass(frozen=True)
class Database:
    url: str


class Log(list):
    """What happened, in order."""

    def fixture(self, name, scope, *needs):
        """Return a fixture that notes when it is made and torn down, and whose value is its name and its needs'."""

        def make(**values):
            self.append(f"+{name}")
            yield [name, *values.values()]
            self.append(f"-{name}")

        return Fixture(name, scope, make, needs)


def table(*fixtures):
    return {each.name: each for each in fixtures}


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def stand(log):
    """A scenario on fixtures of all scopes, planned."""

    @scenario
    def buy(it, client, shop):
        log.append((it, client, shop))

    @buy.invariants
    def holds(shop, samples):
        yield expect("all are sold", 3, samples.ok)

    return plan_scenario(
        buy,
        table(
            log.fixture("database", "run"),
            log.fixture("shop", "process", "database"),
            log.fixture("client", "user", "shop"),
            log.fixture("unused", "process"),
        ),
    )


def test_what_is_needed_is_started_once_and_taken_away_in_reverse(stand, log):
    with Resolver() as resolver:
        first, second = resolver.bind(stand), resolver.bind(stand)
        with first.user(0) as journey, second.user(0) as other:
            journey("one")
            journey("two")
            other("three")
    assert [event for event in log if isinstance(event, str)] == [
        "+database", "+shop", "+client", "+client", "-client", "-client", "-shop", "-database",
    ]  # fmt: skip
    assert [event[0] for event in log if isinstance(event, tuple)] == ["one", "two", "three"]


def test_users_share_what_is_the_processes_and_have_their_own_made_in_their_own_thread():
    threads = []

    @fixture
    def shop():
        return object()

    @fixture(scope="user")
    def client(shop):
        threads.append(current_thread())
        yield object(), shop
        threads.append(current_thread())

    seen = []

    @scenario
    def buy(it, client):
        seen.append(client)

    with Resolver() as resolver:
        bound = resolver.bind(plan_scenario(buy, table(client, shop)))

        def work():
            with bound.user(0) as journey:
                journey(None)
                journey(None)

        workers = [Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
            worker.join()
    assert seen[0] is seen[1] is not seen[2] is seen[3]
    assert seen[0][1] is seen[2][1]
    assert threads == [workers[0], workers[0], workers[1], workers[1]]


def test_another_process_gets_the_runs_values_as_data_and_starts_only_its_own(log):
    @fixture(scope="run")
    def database():
        log.append("+database")
        yield Database("postgres://here")
        log.append("-database")

    @fixture
    def shop(database, shard):
        return f"shop {shard} on {database.url}"

    @scenario
    def buy(it, shop):
        log.append(shop)

    def plan(shard):
        return plan_scenario(buy, table(database, shop, given("shard", shard, "process")))

    with Resolver() as master:
        values = master.export([plan(0)])
        assert log == ["+database"]
        with Resolver(values) as worker, worker.bind(plan(1)).user(0) as journey:
            journey(None)
    assert log == ["+database", "shop 1 on postgres://here", "-database"]


def test_what_only_values_of_the_run_need_stays_in_the_process_that_made_it():
    @fixture(scope="run")
    def password():
        return "hidden"

    @fixture(scope="run")
    def address(password):
        return f"here, without {len(password)} letters"

    @fixture
    def shop(address):
        return address

    @scenario
    def buy(it, shop):
        it.append(shop)

    plan = plan_scenario(buy, table(password, address, shop))
    with Resolver() as master:
        values = master.export([plan])
    assert list(values.values()) == ["here, without 6 letters"]
    played = []
    with Resolver(values) as worker, worker.bind(plan).user(0) as journey:
        journey(played)
    assert played == ["here, without 6 letters"]


@dataclass(frozen=True)
class Signer(Withheld):
    secret: str

    def for_workers(self):
        if not self.secret:
            skip("nobody may sign here")
        return f"signed, {len(self.secret)}"


@pytest.mark.parametrize("secret", ["hidden", ""])
def test_a_value_may_say_what_other_processes_get_in_its_place(secret):
    @fixture(scope="run")
    def signer():
        return Signer(secret)

    @scenario
    def buy(it, signer):
        it.append(signer)

    plan, played = plan_scenario(buy, table(signer)), []
    with Resolver() as master, master.bind(plan).user(0) as journey:
        journey(played)
        values = master.export([plan])
    assert played == [Signer(secret)]
    with Resolver(values) as worker:
        if not secret:
            with pytest.raises(SkippedError, match="nobody may sign here"):
                worker.bind(plan)
            return
        with worker.bind(plan).user(0) as journey:
            journey(played)
    assert played[1:] == ["signed, 6"]


def test_a_value_of_the_run_that_is_not_data_is_refused_at_once():
    @fixture(scope="run")
    def database():
        return object()

    @scenario
    def buy(it, database): ...

    with Resolver() as resolver, pytest.raises(UsageError, match=r"line \d+: fixture 'database' is a object"):
        resolver.bind(plan_scenario(buy, table(database)))


def test_what_every_process_is_given_need_not_be_data():
    config = object()

    @fixture(scope="run")
    def seed(config):
        return 7

    @scenario
    def buy(it, seed, config): ...

    with Resolver() as resolver:
        assert list(resolver.export([plan_scenario(buy, table(seed, given("config", config)))]).values()) == [
            7
        ]


def test_a_fixture_that_fails_is_named_with_its_line_and_what_was_made_before_it_goes(log):
    def deep():
        raise ConnectionError("postgres://me:hidden@host refused")

    @fixture
    def broken(database):
        deep()

    @scenario
    def buy(it, broken): ...

    plan = plan_scenario(buy, table(broken, log.fixture("database", "process")))
    message = r"test_resolver\.py, line \d+: fixture 'broken' could not be made: ConnectionError: postgres://me:\*\*\*@"
    with pytest.raises(UsageError, match=message), Resolver() as resolver:
        resolver.bind(plan)
    assert log == ["+database", "-database"]


def test_an_error_for_people_passes_as_it_is():
    @fixture
    def server():
        raise TailguardError("the server did not start")

    @scenario
    def buy(it, server): ...

    with Resolver() as resolver, pytest.raises(TailguardError, match=r"^the server did not start"):
        resolver.bind(plan_scenario(buy, table(server)))


def test_a_fixture_that_does_not_yield_is_refused():
    @fixture
    def nothing():
        if False:
            yield

    @scenario
    def buy(it, nothing): ...

    with Resolver() as resolver, pytest.raises(UsageError, match="'nothing' ended without a yield"):
        resolver.bind(plan_scenario(buy, table(nothing)))


def test_fixtures_are_taken_away_after_ctrl_c(stand, log):
    with pytest.raises(KeyboardInterrupt), Resolver() as resolver, resolver.bind(stand).user(0):
        raise KeyboardInterrupt
    assert log[-3:] == ["-client", "-shop", "-database"]


def test_one_that_fails_while_it_is_taken_away_is_said_and_the_others_go_too(log, said):
    @fixture
    def clumsy(database):
        yield 1
        raise OSError("the folder is busy")

    @fixture
    def twice(clumsy):
        yield 1
        yield 2

    @scenario
    def buy(it, twice): ...

    with Resolver() as resolver:
        resolver.bind(plan_scenario(buy, table(clumsy, twice, log.fixture("database", "process"))))
    assert log == ["+database", "-database"]
    assert "fixture 'clumsy' could not be torn down: OSError: the folder is busy" in said.text
    assert "fixture 'twice' yields twice" in said.text


def test_one_that_hangs_while_it_is_taken_away_is_named_and_left(log, said, monkeypatch):
    monkeypatch.setattr(lifetime, "TEARDOWN_S", 0.05)

    @fixture
    def stuck(database):
        yield 1
        Event().wait()

    @scenario
    def buy(it, stuck): ...

    with Resolver() as resolver:
        resolver.bind(plan_scenario(buy, table(stuck, log.fixture("database", "process"))))
    assert log == ["+database", "-database"]
    assert [record.getMessage().partition(": ")[2] for record in said.records] == [
        "fixture 'stuck' was left after 0.05 s"
    ]


@pytest.fixture
def unreadable():
    """A scenario whose invariants need a database that nobody may read, planned; its journey needs an address."""

    @fixture(scope="run")
    def address():
        return "http://shop"

    @fixture(scope="run")
    def shop_db():
        skip("the database is not ours to read")

    @fixture
    def reader(shop_db):
        return object()

    @scenario
    def buy(it, address):
        it.append(address)

    @buy.invariants
    def holds(reader):
        yield expect("all are sold", 3, 3)

    return plan_scenario(buy, table(address, shop_db, reader))


def test_what_only_the_invariants_need_is_left_out_in_every_process_with_the_reason(unreadable):
    with Resolver() as started:
        exported = started.export([unreadable])
    with Resolver(exported) as elsewhere:
        bound = elsewhere.bind(unreadable)
        played = []
        with bound.user(0) as journey:
            journey(played)
    assert played == ["http://shop"]
    assert bound.unchecked == "the database is not ours to read"


def test_a_fixture_of_the_run_that_a_journey_needs_skips_the_scenario_as_soon_as_it_is_exported():
    @fixture(scope="run")
    def seats():
        skip("the target has no seats")

    @scenario
    def sit(it, seats): ...

    plan = plan_scenario(sit, table(seats))
    with Resolver() as started, pytest.raises(SkippedError, match="no seats"):
        started.export([plan])
