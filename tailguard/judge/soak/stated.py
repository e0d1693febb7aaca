"""The limits of a soak as people write them: "checkout: p95 <= 250ms over 5m", "memory < 1MB/h", "latency < 2%/day"."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.judge.objective import (
    RATE,
    is_without_unit,
    parse_latency,
    parse_limit,
    parse_numbers,
    parse_rate,
    parse_recorded_rate,
)
from tailguard.judge.objectives.stated import Known
from tailguard.record.objective import Objective
from tailguard.record.soak import UNITS, DriftLimit, Reading, WindowLimit

_WINDOW = re.compile(
    r"(?:(?P<scenario>[^:]+):)?(?P<limit>.+?)\s+over\s+(?P<n>\d+(?:\.\d+)?)\s*(?P<unit>s|m|h)"
)
_DRIFT = re.compile(
    r"(?P<what>.+?)\s*<\s*(?P<n>\d+(?:\.\d+)?)\s*(?P<unit>[%A-Za-z]*)\s*/\s*(?P<per>hour|h|day|d)"
)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_HOURS = {"h": 1.0, "hour": 1.0, "d": 24.0, "day": 24.0}
# To the unit of the reading itself.
_MULTIPLES = {"": 1.0, "kB": 1e-3, "MB": 1.0, "GB": 1e3, "ms": 1.0, "us": 1e-3, "s": 1e3}
_IN = {"MB": {"kB", "MB", "GB"}, "ms": {"us", "ms", "s"}}
FORMS = "'checkout: p95 <= 250ms over 5m'", "'memory < 1MB/h', 'latency < 2%/day' or 'connections < 1/day'"


def window_limits(texts: Sequence[str], known: Known, segment_s: float) -> Iterator[WindowLimit]:
    """Yield the limits of soak.windows for each scenario that they name, all of them if none is named.

    Raises UsageError for what does not parse, or a window that is not a whole number of segments.
    """
    for text in texts:
        match = _WINDOW.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"soak.windows {text!r} does not parse: write {FORMS[0]}")
        over_s = float(match["n"]) * _SECONDS[match["unit"]]
        if over_s < segment_s or abs(over_s / segment_s - round(over_s / segment_s)) > 1e-6:  # noqa: PLR2004
            raise UsageError(
                f"soak.windows {text!r}: a window is one or more whole segments of {segment_s:g} s (soak.segment_s)"
            )
        for scenario in _meant((match["scenario"] or "").strip(), text, known):
            objective = _objective(match["limit"].strip(), scenario, known[scenario], text)
            name = f"{objective.name} over {match['n']}{match['unit']}"
            yield WindowLimit(name=name, objective=objective, over_s=over_s)


def drift_limits(texts: Sequence[str], known: Known) -> Iterator[DriftLimit]:
    """Yield the limits of soak.drift; that of a latency for the first step of each scenario, or of those named.

    Raises UsageError for what does not parse.
    """
    for text in texts:
        match = _DRIFT.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"soak.drift {text!r} does not parse: write {FORMS[1]}")
        before, _, after = match["what"].rpartition(":")
        reading = _reading(after.strip(), text)
        unit = match["unit"]
        if unit != "%" and unit not in _IN.get(UNITS[reading], {""}):
            allowed = ", ".join(sorted(_IN.get(UNITS[reading], {"a number alone"})))
            raise UsageError(f"soak.drift {text!r}: the unit of {reading} is one of %, {allowed}")
        limit = DriftLimit(
            name=text.strip(),
            reading=reading,
            most_per_hour=float(match["n"])
            * (0.01 if unit == "%" else _MULTIPLES[unit])
            / _HOURS[match["per"]],
            relative=unit == "%",
        )
        yield from _of_scenarios(limit, before.strip(), text, known)


def objectives_of(limits: Sequence[WindowLimit], scenario: str) -> list[Objective]:
    """Return the objectives of the windows of a scenario."""
    return [each.objective for each in limits if each.objective.scenario == scenario]


def _of_scenarios(limit: DriftLimit, scenario: str, text: str, known: Known) -> Iterator[DriftLimit]:
    if limit.reading != "latency":
        if scenario:
            raise UsageError(
                f"soak.drift {text!r}: {limit.reading} is the whole soak's: leave out {scenario!r}"
            )
        yield limit
        return
    for slug in _meant(scenario, text, known):
        name = limit.name if scenario else f"{slug}: {limit.name}"
        yield replace(limit, name=name, scenario=slug, step=_first_step(known[slug], slug))


def _reading(word: str, text: str) -> Reading:
    found: Mapping[str, Reading] = {each.lower(): each for each in get_args(Reading)}
    if word.lower() not in found:
        raise UsageError(
            f"soak.drift {text!r}: {word!r} is not a reading; there are {', '.join(get_args(Reading))}."
            f"{did_you_mean(word, get_args(Reading))}"
        )
    return found[word.lower()]


def _meant(scenario: str, text: str, known: Known) -> list[str]:
    if not scenario:
        return [*known]
    if scenario not in known:
        raise UsageError(f"{text!r}: there is no scenario {scenario!r}.{did_you_mean(scenario, known)}")
    return [scenario]


def _objective(limit: str, scenario: str, steps: Sequence[str], text: str) -> Objective:
    try:
        step, key, bound = parse_limit(limit)
        if step and step not in steps and (key == RATE or is_without_unit(bound)):
            if key == RATE:
                return parse_recorded_rate(bound, scenario=scenario, name=step)
            return parse_numbers(key, bound, scenario=scenario, name=step)
        _check_step(step, steps)
        if key.endswith("_rate") and key in {"error_rate", "retry_rate", "refusal_rate"}:
            return parse_rate(key, bound, scenario=scenario, step=step, titled=bool(step))  # type: ignore[arg-type]
        first = _first_step(steps, scenario)
        return parse_latency(
            key, bound, scenario=scenario, step=step or first, titled=bool(step and step != first)
        )
    except UsageError as error:
        raise UsageError(f"soak.windows {text!r}: {error}") from None


def _check_step(step: str, steps: Sequence[str]) -> None:
    if steps and step not in {"", *steps}:
        raise UsageError(f"there is no step {step!r}.{did_you_mean(step, steps)}")


def _first_step(steps: Sequence[str], scenario: str) -> str:
    """Return the step that a limit without one means: the first, or the one that has the scenario's name."""
    return next(iter(steps), scenario)
