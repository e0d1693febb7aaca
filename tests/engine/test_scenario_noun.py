"""A scenario that cannot work is refused when it is written down."""

import pytest

from tailguard.base.errors import UsageError
from tailguard.engine.scenario import Scenario


def scenario(slug="some", steps=("one",)):
    return Scenario(slug, "Some", steps, frozenset(), lambda *_: None, lambda *_: None, lambda *_: [])


@pytest.mark.parametrize("slug", ["", "Some", "some-thing", "1st", "a b"])
def test_a_slug_is_lower_case_words(slug):
    with pytest.raises(UsageError, match="is not made of"):
        scenario(slug)


@pytest.mark.parametrize("steps", [(), ("one", "one"), tuple(f"s{i}" for i in range(300))])
def test_steps_are_at_least_one_and_all_different(steps):
    with pytest.raises(UsageError, match="different names"):
        scenario(steps=steps)


def test_a_plain_scenario_refuses_nothing():
    assert scenario().refusals == ()
