"""A schedule in words, as the command line has it, and as the plan carries it to the workers."""

import re
from collections.abc import Mapping
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.engine.schedule import Constant, Poisson, Ramp, Schedule, Steps

KINDS = "poisson, constant, ramp:FROM-TO or steps:RATExSECONDS,..."
_NUMBER = r"(\d+(?:\.\d+)?)"


def parse_schedule(text: str, rate_per_s: float, duration_s: float, seed: int) -> dict[str, Any]:
    """Return the schedule that `text` names as plain data: "poisson", "constant", "ramp:10-200", "steps:50x10,100x20".

    Raises UsageError where it names none, or one that cannot be.
    """
    kind, _, rest = text.partition(":")
    ramp = re.fullmatch(f"{_NUMBER}-{_NUMBER}", rest)
    steps = [re.fullmatch(f"{_NUMBER}x{_NUMBER}", step) for step in rest.split(",")]
    plain: dict[str, Any]
    if kind in {"poisson", "constant"} and not rest:
        plain = {"kind": kind, "rate_per_s": rate_per_s, "duration_s": duration_s}
    elif kind == "ramp" and ramp:
        low, high = float(ramp[1]), float(ramp[2])
        plain = {"kind": kind, "from_per_s": low, "to_per_s": high, "duration_s": duration_s}
    elif kind == "steps" and all(steps):
        plain = {"kind": kind, "steps": [[float(each[1]), float(each[2])] for each in steps if each]}
    else:
        raise UsageError(f"--tailguard-schedule {text!r} is no schedule: write {KINDS}.")
    if kind != "constant":
        plain["seed"] = seed
    schedule_in(plain)
    return plain


def schedule_in(plain: Mapping[str, Any]) -> Schedule:
    """Return the schedule of plain data. Raises UsageError where a number of it cannot be."""
    values = {name: value for name, value in plain.items() if name != "kind"}
    match plain["kind"]:
        case "constant":
            return Constant(**values)
        case "ramp":
            return Ramp(**values)
        case "steps":
            return Steps(tuple((rate, seconds) for rate, seconds in values["steps"]), values["seed"])
        case _:
            return Poisson(**values)


def parse_rates(text: str, slugs: list[str]) -> dict[str, float]:
    """Return the rate of each scenario: "100" for every one, or "search=120,checkout=50" for some.

    Raises UsageError naming the part that is no rate.
    """
    rates: dict[str, float] = {}
    for part in text.split(",") if text else []:
        slug, equals, number = part.strip().rpartition("=")
        if not re.fullmatch(_NUMBER, number) or float(number) == 0 or (equals and slug not in slugs):
            raise UsageError(
                f"--tailguard-rate: {part!r} is no rate of a scenario in this run. "
                f"Write 100, or SCENARIO=100 with one of {', '.join(slugs)}."
            )
        rates |= {slug: float(number)} if equals else dict.fromkeys(slugs, float(number))
    return rates
