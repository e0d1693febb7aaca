"""What is chosen before the first user comes."""

from types import SimpleNamespace

import pytest

from tailguard.base.errors import UsageError
from tailguard.locust.hooks import choose_spawn_rate, keep_playable


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


def users(*slugs):
    return [SimpleNamespace(scenario=SimpleNamespace(slug=slug)) for slug in slugs]


def test_a_target_that_lacks_everything_leaves_nothing_to_measure():
    environment = SimpleNamespace(user_classes=users("a", "b"))
    keep_playable(environment, lambda slugs: slugs[:1])
    assert [each.scenario.slug for each in environment.user_classes] == ["a"]
    with pytest.raises(UsageError, match="nothing to measure"):
        keep_playable(environment, lambda slugs: [])
