"""What is chosen before the first user comes."""

from types import SimpleNamespace

import pytest

from tailguard.locust.hooks import choose_spawn_rate, playable_users


def chosen(**options):
    given = SimpleNamespace(
        **({"headless": True, "spawn_rate": None, "num_users": 20, "run_time": 30} | options)
    )
    choose_spawn_rate(given)
    return given.spawn_rate


def test_without_a_spawn_rate_all_users_are_there_after_a_tenth_of_the_test():
    assert chosen() == pytest.approx(20 / 3)
    assert chosen(num_users=1) == 1.0


@pytest.mark.parametrize(
    "options", [{"spawn_rate": 2.5}, {"headless": False}, {"run_time": None}, {"num_users": None}]
)
def test_what_was_said_or_cannot_be_known_is_left_to_locust(options):
    assert chosen(**options) == options.get("spawn_rate")


def test_only_users_of_scenarios_that_can_be_played_are_dispatched_beside_those_that_are_not_ours():
    ours = [SimpleNamespace(scenario=SimpleNamespace(name=name)) for name in ("a", "b")]
    yours = SimpleNamespace()
    assert playable_users([*ours, yours], ["a"]) == [ours[0], yours]
