"""Each schedule can be asked for in the configuration."""

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.pipeline.loads import load_of


def load(**settings: object) -> object:
    flags = {f"load.{name}": value for name, value in settings.items()} | {"load.max_seconds": 10.0}
    config = load_config("smoke", flags=flags, environ={})
    return load_of("registration", config.scenario("registration"), seed=1).schedule.describe()


@pytest.mark.parametrize(
    ("settings", "describes"),
    [
        ({"schedule": "poisson", "rate_per_s": 50.0}, {"kind": "poisson", "rate_per_s": 50.0}),
        ({"schedule": "constant", "rate_per_s": 50.0}, {"kind": "constant", "rate_per_s": 50.0}),
        (
            {"schedule": "ramp", "rate_per_s": 10.0, "to_rate_per_s": 30.0},
            {"kind": "ramp", "from_per_s": 10.0, "to_per_s": 30.0, "rate_per_s": 20.0},
        ),
        (
            {"schedule": "steps", "steps": ["10/s for 5s", "30/s for 5s"]},
            {"kind": "steps", "rate_per_s": 20.0},
        ),
        ({"schedule": "closed", "workers": 3}, {"kind": "closed"}),
    ],
    ids=lambda value: value.get("schedule"),
)
def test_a_schedule_is_named_in_the_configuration(
    settings: dict[str, object], describes: dict[str, object]
) -> None:
    described = load(**settings)
    assert {name: described[name] for name in describes} == describes


def test_a_step_that_cannot_be_read_is_shown_with_an_example() -> None:
    with pytest.raises(UsageError, match="50/s for 10s"):
        load(schedule="steps", steps=["fast for a while"])


def test_arrivals_of_a_scenario_depend_on_the_seed_and_its_own_name() -> None:
    settings = load_config("smoke", environ={}).scenario("registration")
    seeds = {
        load_of(slug, settings, seed).schedule.describe()["seed"] for slug in ("a", "b") for seed in (1, 2)
    }
    assert len(seeds) == 4
    assert load_of("a", settings, 1).schedule.describe() == load_of("a", settings, 1).schedule.describe()
