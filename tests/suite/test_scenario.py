"""A scenario is a plain object that says what a journey is; what cannot be one is refused with its line."""

import dataclasses

import pytest

import tailguard.suite.scenario
from tailguard.base.errors import UsageError
from tailguard.suite.scenario import Scenario, scenario


@scenario
def browse(it, client): ...


@scenario(
    rate="50/s", users=64, steps=["pay"], slo=["pay p99 <= 900ms"], refusals={409: "<= 1%"}, title="Check-out"
)
def checkout(it, client, buyer, amount=1): ...


@checkout.invariants
def holds(samples, shop_db): ...


def test_a_scenario_has_the_functions_name_and_what_was_said_of_it():
    assert (browse.name, browse.title, browse.steps, browse.slo) == ("browse", "Browse", (), ())
    assert (checkout.title, checkout.rate, checkout.users) == ("Check-out", "50/s", 64)
    assert (checkout.steps, checkout.slo, checkout.refusals) == (
        ("pay",),
        ("pay p99 <= 900ms",),
        {409: "<= 1%"},
    )


def test_it_asks_for_what_its_arguments_name_but_for_those_with_a_default():
    assert checkout.journey_needs == ("client", "buyer")
    assert checkout.check_needs == ("samples", "shop_db")
    assert browse.check is None


def test_it_is_a_plain_frozen_object_that_pytest_does_not_take_for_a_test():
    assert isinstance(browse, Scenario)
    assert not callable(browse)
    assert not hasattr(browse, "__wrapped__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        browse.name = "other"


def test_the_function_of_the_invariants_stays_a_function():
    assert callable(holds)
    assert checkout.check is holds


def test_refusals_without_a_share_may_be_listed():
    @scenario(refusals=(KeyError,))
    def buy(it): ...

    assert buy.refusals == {KeyError: ""}


def test_one_function_yields_all_invariants():
    @scenario
    def buy(it): ...

    @buy.invariants
    def first(samples): ...

    with pytest.raises(UsageError, match=r"scenario 'buy' has its invariants at .*test_scenario\.py, line"):

        @buy.invariants
        def second(samples): ...


def async_generator():
    @scenario
    async def buy(it):
        yield


def generator():
    @scenario
    def buy(it):
        yield


def no_iteration():
    @scenario
    def buy(): ...


def starred():
    @scenario
    def buy(it, *things): ...


def capital():
    @scenario
    def Buy(it): ...


def doubled_step():
    @scenario(steps=["one", "one"])
    def buy(it): ...


def odd_refusal():
    @scenario(refusals=["OutOfStock"])
    def buy(it): ...


def bare_limit():
    @scenario(slo="p95 <= 50ms")
    def buy(it): ...


@pytest.mark.parametrize(
    ("declare", "why"),
    [
        (async_generator, "'buy' yields"),
        (generator, "'buy' yields"),
        (no_iteration, "has no argument for the iteration"),
        (starred, r"takes \*things"),
        (capital, "'Buy' is not made of a-z"),
        (doubled_step, "different names"),
        (odd_refusal, "'OutOfStock' is neither"),
        (bare_limit, "slo is one text"),
    ],
)
def test_what_cannot_be_a_scenario_is_refused_with_file_and_line(declare, why):
    with pytest.raises(UsageError, match=rf"test_scenario\.py, line \d+: .*{why}"):
        declare()


def test_the_module_keeps_no_list_of_scenarios():
    kept = [each for each in vars(tailguard.suite.scenario).values() if isinstance(each, list | dict | set)]
    assert not any(browse in each for each in kept if isinstance(each, list | set))
