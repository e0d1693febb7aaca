"""What a scenario needs is looked up by name before anything is started."""

import pytest

from tailguard.base.errors import UsageError
from tailguard.suite.fixture import fixture, given
from tailguard.suite.plan import plan_scenario, walk
from tailguard.suite.scenario import scenario


@fixture(scope="run")
def database(): ...


@fixture
def shop(database): ...


@fixture(scope="user")
def client(shop): ...


@scenario
def buy(it, client): ...


@buy.invariants
def holds(database, samples): ...


def table(*fixtures):
    return {each.name: each for each in fixtures}


def named(nodes):
    return [node.fixture.name for node in walk(nodes)]


def test_everything_needed_is_found_each_once_and_after_its_needs():
    plan = plan_scenario(buy, table(client, shop, database))
    assert named(plan.journey) == ["database", "shop", "client"]
    assert named(plan.check) == ["database"]


def test_the_same_fixture_is_the_same_node_in_every_plan():
    first, second = (plan_scenario(buy, table(client, shop, database)) for _ in range(2))
    assert first.journey["client"] == second.journey["client"]
    here = __name__
    assert first.journey["client"].key == f"{here}:client({here}:shop({here}:database))"


def test_a_fixture_that_stands_on_another_one_is_another_node():
    plain = plan_scenario(buy, table(client, shop, database))
    own = plan_scenario(buy, table(client, shop, given("database", "mine")))
    assert plain.journey["client"] != own.journey["client"]


def test_an_unknown_fixture_is_named_with_who_asks_and_the_nearest():
    @scenario
    def sell(it, clint): ...

    with pytest.raises(
        UsageError,
        match=r"test_plan\.py, line \d+: scenario 'sell' asks for a fixture 'clint' .* mean 'client'",
    ):
        plan_scenario(sell, table(client, shop, database))
    with pytest.raises(UsageError, match=r"fixture 'shop' asks for a fixture 'database'"):
        plan_scenario(buy, table(client, shop))


def test_a_circle_is_named_from_end_to_end():
    @fixture
    def hen(egg): ...

    @fixture
    def egg(hen): ...

    @scenario
    def farm(it, hen): ...

    with pytest.raises(UsageError, match=r"in a circle: 'hen' \(.*\) asks for 'egg' \(.*\) asks for 'hen'"):
        plan_scenario(farm, table(hen, egg))


def test_a_fixture_may_not_ask_for_one_that_lives_shorter():
    @fixture(scope="process")
    def pool(client): ...

    @fixture(scope="run")
    def seeded(shop): ...

    @scenario
    def one(it, pool): ...

    @scenario
    def other(it, seeded): ...

    with pytest.raises(UsageError, match="'pool' of scope 'process' asks for 'client' of scope 'user'"):
        plan_scenario(one, table(pool, client, shop, database))
    with pytest.raises(UsageError, match="'seeded' of scope 'run' asks for 'shop' of scope 'process'"):
        plan_scenario(other, table(seeded, client, shop, database))


def test_a_fixture_with_a_wrong_scope_or_form_is_refused_with_its_line():
    with pytest.raises(
        UsageError, match=r"test_plan\.py, line \d+: scope 'session' is not one of run, process, user"
    ):

        @fixture(scope="session")
        def one(): ...

    with pytest.raises(
        UsageError, match="two is async; a fixture of scope 'run' is made where no event loop runs"
    ):

        @fixture(scope="run")
        async def two(): ...


def test_a_fixture_is_a_plain_object():
    assert not callable(shop)
    assert not hasattr(shop, "__wrapped__")
    assert (shop.name, shop.scope, shop.needs, client.scope) == ("shop", "process", ("database",), "user")
