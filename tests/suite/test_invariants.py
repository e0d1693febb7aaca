"""Invariants are asked once per run, with the fixtures that they name; one that cannot be asked does not hold."""

import time
from types import SimpleNamespace

import pytest

from tailguard.suite.fixture import fixture, given
from tailguard.suite.invariants import SkippedError, expect, skip
from tailguard.suite.plan import plan_scenario
from tailguard.suite.resolver import Resolver
from tailguard.suite.scenario import scenario

SAMPLES = SimpleNamespace(ok=3)


def table(*fixtures):
    return {each.name: each for each in fixtures}


def checked(check, *fixtures, within_s=60.0):
    @scenario
    def buy(it): ...

    buy.invariants(check)
    with Resolver() as resolver:
        bound = resolver.bind(plan_scenario(buy, table(*fixtures)))
        return bound.unchecked or [
            (each.name, each.held, each.observed) for each in bound.check(SAMPLES, within_s)
        ]


def test_invariants_take_fixtures_and_the_samples():
    def holds(limit, samples):
        yield expect("sold", limit, samples.ok)
        yield expect("left", 0, 4)

    assert checked(holds, given("limit", 3)) == [("sold", True, "3"), ("left", False, "4")]


def test_invariants_may_take_a_fixture_of_a_user():
    log = []

    @fixture(scope="user")
    def client():
        log.append("+client")
        yield 1
        log.append("-client")

    @scenario
    def buy(it): ...

    @buy.invariants
    def holds(client):
        log.append("checked")
        yield expect("a", 1, 1)

    with Resolver() as resolver:
        bound = resolver.bind(plan_scenario(buy, table(client)))
        assert log == []
        bound.check(SAMPLES, 60.0)
    assert log == ["+client", "checked", "-client"]


def test_invariants_that_check_nothing_or_break_off_do_not_hold():
    def nothing():
        return iter(())

    def breaks():
        yield expect("first", 1, 1)
        raise ValueError("no such table")

    assert checked(nothing) == [("the invariants of buy were checked", False, "none")]
    first, broken = checked(breaks)
    assert first == ("first", True, "1")
    assert broken[:2] == ("the invariants of buy were checked", False)
    assert broken[2].startswith("ValueError: no such table (")


def test_a_skip_in_what_only_the_invariants_need_leaves_the_journey_to_be_measured():
    @fixture
    def shop_db():
        skip("the target's database is not ours to read")

    def holds(shop_db):
        yield expect("a", 1, 1)

    assert checked(holds, shop_db) == "the target's database is not ours to read"


def test_what_was_checked_before_a_skip_is_kept():
    def holds():
        yield expect("first", 1, 2)
        skip("the rest is not ours to read")

    with pytest.raises(SkippedError, match="not ours to read") as skipped:
        checked(holds)
    assert [each.name for each in skipped.value.found] == ["first"]


def test_a_skip_in_what_the_journey_needs_skips_the_scenario():
    @fixture
    def shop():
        skip("there is no shop here")

    @scenario
    def buy(it, shop): ...

    with Resolver() as resolver, pytest.raises(SkippedError, match="no shop here"):
        resolver.bind(plan_scenario(buy, table(shop)))


def test_a_scenario_without_invariants_has_none():
    @scenario
    def buy(it): ...

    with Resolver() as resolver:
        assert resolver.bind(plan_scenario(buy, {})).check(SAMPLES, 60.0) == []


def test_invariants_that_hang_are_left_in_time_with_their_line_and_those_before_are_kept():
    def holds():
        yield expect("sold", 3, 3)
        time.sleep(60)
        yield expect("left", 0, 0)

    (sold, left) = checked(holds, within_s=0.3)
    assert sold == ("sold", True, "3")
    assert left[:2] == ("the invariants of buy were checked", False)
    line = holds.__code__.co_firstlineno + 2
    assert f"left after 0.3 s (limits.check_s) at tests/suite/test_invariants.py, line {line}" in left[2]
