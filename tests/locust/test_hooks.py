"""What is chosen before the first user comes."""

import logging
from types import SimpleNamespace

import pytest

from tailguard.locust.hooks import choose_spawn_rate, playable_users, take_run_time


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


def test_the_run_time_of_a_headless_test_is_ours_to_count_and_locust_does_not_say_that_there_is_none(caplog):
    options = SimpleNamespace(headless=True, run_time=60)
    with caplog.at_level("INFO", "locust.main"):
        assert take_run_time(options) == 60
        logging.getLogger("locust.main").info("No run time limit set, use CTRL+C to interrupt")
        logging.getLogger("locust.main").info("Shutting down (exit code %d)", 0)
    assert options.run_time is None
    assert caplog.messages == ["Shutting down (exit code 0)"]


def test_the_run_time_of_a_test_that_locusts_page_starts_is_left_to_locust():
    options = SimpleNamespace(headless=False, run_time=60)
    assert take_run_time(options) is None
    assert options.run_time == 60
