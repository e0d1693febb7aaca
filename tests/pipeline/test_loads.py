"""Each schedule can be asked for in the configuration."""

import zlib

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.pipeline.loads import load_of, most_per_s
from tailguard.record.scenario import (
    ClosedSchedule,
    ConstantSchedule,
    PoissonSchedule,
    RampSchedule,
    Schedule,
    StepsSchedule,
)

SEED = zlib.crc32(b"1/registration")


def load(**settings: object) -> Schedule:
    flags = {f"load.{name}": value for name, value in settings.items()} | {"load.max_seconds": 10.0}
    config = load_config("smoke", flags=flags, environ={})
    return load_of("registration", config.load_of("registration"), seed=1).schedule.describe(workers=8)


@pytest.mark.parametrize(
    ("settings", "described"),
    [
        (
            {"schedule": "poisson", "rate_per_s": 50.0},
            PoissonSchedule(rate_per_s=50.0, seed=SEED, workers=8),
        ),
        ({"schedule": "constant", "rate_per_s": 50.0}, ConstantSchedule(rate_per_s=50.0, workers=8)),
        (
            {"schedule": "ramp", "rate_per_s": 10.0, "to_rate_per_s": 30.0},
            RampSchedule(from_per_s=10.0, to_per_s=30.0, rate_per_s=20.0, seed=SEED, workers=8),
        ),
        (
            {"schedule": "steps", "steps": ["10/s for 5s", "30/s for 5s"]},
            StepsSchedule(rate_per_s=20.0, steps=((10.0, 5.0), (30.0, 5.0)), seed=SEED, workers=8),
        ),
        ({"schedule": "closed", "workers": 3}, ClosedSchedule(clients=3, workers=8)),
        (
            {"schedule": "closed", "workers": 3, "think": "1s to 2.5s"},
            ClosedSchedule(clients=3, workers=8, think_s=(1.0, 2.5)),
        ),
    ],
    ids=lambda value: f"{value['schedule']} {value.get('think', '')}" if isinstance(value, dict) else "",
)
def test_a_schedule_is_named_in_the_configuration(settings: dict[str, object], described: Schedule) -> None:
    assert load(**settings) == described


def test_a_step_that_cannot_be_read_is_shown_with_an_example() -> None:
    with pytest.raises(UsageError, match="50/s for 10s"):
        load(schedule="steps", steps=["fast for a while"])


def test_arrivals_of_a_scenario_depend_on_the_seed_and_its_own_name() -> None:
    options = load_config("smoke", environ={}).load_of("registration")
    found = [load_of(name, options, seed).schedule for name in ("a", "b") for seed in (1, 2)]
    assert len(set(found)) == 4
    assert load_of("a", options, 1).schedule == found[0]


def test_the_most_iterations_per_second_are_what_the_rate_or_the_thinking_of_users_allows() -> None:
    def most(**settings: object) -> float | None:
        flags = {f"load.{name}": value for name, value in settings.items()}
        return most_per_s(load_config("smoke", flags=flags, environ={}).load)

    assert most(rate_per_s=50.0) == 50
    assert most(schedule="closed", workers=4, think="1s to 3s") == 2
    assert most(schedule="closed", workers=4) is None
