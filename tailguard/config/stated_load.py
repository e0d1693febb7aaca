"""What a scenario or a flag states of its load in a text: a rate, steps of rates, a ramp, a think time, a duration."""

import re

from tailguard.base.errors import UsageError
from tailguard.config.option import OptionValue

_NUMBER = r"(\d+(?:\.\d+)?)"
_RATE = re.compile(rf"(constant +)?{_NUMBER}/s")
_RAMP = re.compile(rf"ramp +{_NUMBER}/s +to +{_NUMBER}/s")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_THINK = re.compile(rf"{_NUMBER}s(?: +to +{_NUMBER}s)?")
_STEPS = re.compile(rf"{_NUMBER}/s +for +{_NUMBER}s(?: *, *{_NUMBER}/s +for +{_NUMBER}s)*")


def stated_load(rate: str, users: int, think: str = "") -> dict[str, OptionValue]:
    """Return the [load] values of a scenario that states `rate`, "" for none, and at most `users` at once, 0 for none.

    With a rate the model is open. Without one it is closed, with one user if none is stated, who waits `think` between
    two iterations.

    Raises:
        UsageError: `rate` or `think` is not one, or both are stated.
    """
    if think and rate:
        raise UsageError(
            f"think {think!r} beside rate {rate!r}: a rate says when iterations begin: leave one out"
        )
    if think:
        read_think(think)
    if not rate:
        thinking: dict[str, OptionValue] = {"think": think} if think else {}
        return {"schedule": "closed", "workers": users or 1, **thinking}
    return {**stated_rate(rate), **({"workers": users} if users else {})}


def stated_rate(rate: str) -> dict[str, OptionValue]:
    """Return the [load] values of a rate. Raises UsageError if it is not one."""
    text = rate.strip()
    if found := _RATE.fullmatch(text):
        return {"schedule": "constant" if found[1] else "poisson", "rate_per_s": float(found[2])}
    if found := _RAMP.fullmatch(text):
        return {"schedule": "ramp", "rate_per_s": float(found[1]), "to_rate_per_s": float(found[2])}
    if _STEPS.fullmatch(text):
        return {"schedule": "steps", "steps": [step.strip() for step in text.split(",")]}
    raise UsageError(
        f"rate {rate!r} is not valid: write it as '50/s', 'constant 50/s', 'ramp 10/s to 200/s' or "
        "'50/s for 10s, 100/s for 20s'"
    )


def read_think(think: str) -> tuple[float, float]:
    """Return the bounds, in s, of "1s" or "1s to 3s". Raises UsageError if it is not a think time."""
    found = _THINK.fullmatch(think.strip())
    if found is None:
        raise UsageError(f"think {think!r} is not a time: write it as '1s' or '1s to 3s'")
    return float(found[1]), float(found[2] or found[1])


def stated_seconds(duration: str) -> float:
    """Return the seconds of a duration such as 30, 30s, 2m or 1h. Raises UsageError if it is not one."""
    found = _DURATION.fullmatch(duration.strip())
    if found is None:
        raise UsageError(f"duration {duration!r} is not one: write it as 30s, 2m or 1h")
    return float(found[1]) * _SECONDS[found[2]]
