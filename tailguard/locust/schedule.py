"""A schedule in words, as the command line has it."""

import re

from tailguard.base.errors import UsageError
from tailguard.engine.schedule import Constant, Poisson, Ramp, Schedule, Steps

KINDS = "poisson, constant, ramp:FROM-TO or steps:RATExSECONDS,..."
_NUMBER = r"(\d+(?:\.\d+)?)"


def parse_schedule(text: str, rate_per_s: float, duration_s: float, seed: int) -> Schedule:
    """Return the schedule that `text` names: "poisson", "constant", "ramp:10-200", "steps:50x10,100x20".

    Raises UsageError if it names none, or one that cannot be.
    """
    kind, _, rest = text.partition(":")
    ramp = re.fullmatch(f"{_NUMBER}-{_NUMBER}", rest)
    if kind == "poisson" and not rest:
        return Poisson(rate_per_s, duration_s, seed)
    if kind == "constant" and not rest:
        return Constant(rate_per_s, duration_s)
    if kind == "ramp" and ramp:
        return Ramp(float(ramp[1]), float(ramp[2]), duration_s, seed)
    if kind == "steps" and (steps := _steps(rest)):
        return Steps(steps, seed)
    raise UsageError(f"--tailguard-schedule {text!r} is not a schedule: write {KINDS}.")


def _steps(text: str) -> tuple[tuple[float, float], ...]:
    """Return the rate and the seconds of each step; none if a part of `text` is not a step."""
    found = [re.fullmatch(f"{_NUMBER}x{_NUMBER}", step) for step in text.split(",")]
    return tuple((float(each[1]), float(each[2])) for each in found if each) if all(found) else ()


def parse_rates(text: str, slugs: list[str]) -> dict[str, float]:
    """Return the rate of each scenario: "100" for every one, or "search=120,checkout=50" for some.

    Raises UsageError naming the part that is not a rate.
    """
    rates: dict[str, float] = {}
    for part in text.split(",") if text else []:
        slug, equals, number = part.strip().rpartition("=")
        if not re.fullmatch(_NUMBER, number) or float(number) == 0 or (equals and slug not in slugs):
            raise UsageError(
                f"--tailguard-rate: {part!r} is not a rate of a scenario in this run. "
                f"Write 100, or SCENARIO=100 with one of {', '.join(slugs)}."
            )
        rates |= {slug: float(number)} if equals else dict.fromkeys(slugs, float(number))
    return rates
