"""The words in which people write objectives and margins: "95 % of uploads within 75 ms" is p95 <= 75ms."""

import math
import re
from collections.abc import Mapping

from tailguard.base.errors import UsageError
from tailguard.record.objective import Margin, Margins, Metric, Objective

# To milliseconds: limits are written in the unit that people think in.
UNITS_MS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1000.0}

# A change smaller than this bothers nobody and is mostly the clock's and the scheduler's.
DEFAULT_FLOOR_MS = 0.1
# What the gate allows if no objectives say otherwise: beyond these, most people notice.
DEFAULT_MARGINS = Margins(
    quantiles=(Margin(q=0.5, most=0.05), Margin(q=0.95, most=0.10)), floor_ms=DEFAULT_FLOOR_MS
)

_BOUND = re.compile(r"\s*(<=|<|≤)\s*([0-9.eE+-]+)\s*(%|[a-zµ]+)?\s*")
_LIMIT = re.compile(r"\s*(?:(.*\S)\s+)?(p\d[\d.]*|error rate|retry rate)\s*([<≤].*)")
_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")


def parse_latency(
    key: str, bound: str, *, scenario: str = "", step: str = "", titled: bool = False
) -> Objective:
    """Return the objective of a quantile `key` ("p95") and its `bound` ("<= 215ms").

    The step is part of the name if it is `titled`. Raises UsageError naming the text that does not parse.
    """
    q = parse_quantile(key)
    relation, number, unit = _bound(bound)
    if unit not in UNITS_MS:
        raise UsageError(
            f"{key} {bound!r} has {_unit(unit)}; a latency needs one of {', '.join(UNITS_MS)}: '<= 215ms'"
        )
    return Objective(
        name=_name([scenario, step if titled else "", key, relation, f"{number:.10g}{unit}"]),
        scenario=scenario,
        step=step,
        metric="latency",
        q=q,
        limit_ms=round(number * UNITS_MS[unit], 9),
        strict=relation == "<",
    )


def parse_rate(metric: Metric, bound: str, *, scenario: str = "", step: str = "") -> Objective:
    """Return the objective of an error or retry rate and its `bound`, a percentage ("< 1%").

    Raises UsageError naming the text that does not parse.
    """
    relation, number, unit = _bound(bound)
    if unit != "%" or not 0 < number / 100 < 1:
        raise UsageError(f"{metric} {bound!r} is not a percentage between 0 and 100; write '< 1%'")
    return Objective(
        name=_name([scenario, metric.replace("_", " "), relation, f"{number:.10g}%"]),
        scenario=scenario,
        step=step,
        metric=metric,
        max_ratio=round(number / 100, 12),
        strict=relation == "<",
    )


def parse_quantile(key: str) -> float:
    """Return 0.95 for "p95". Raises UsageError for what is not a quantile."""
    match = _QUANTILE.fullmatch(key)
    if not match or float(match[1]) == 0:
        raise UsageError(f"{key!r} is not a quantile; write p50, p95, p99 or p99.9")
    return round(float(match[1]) / 100, 12)


def parse_objective(text: str) -> Objective:
    """Return the objective of a command line: "p95<=215ms". Raises UsageError quoting what does not parse."""
    match = re.fullmatch(r"\s*([^<≤\s]*)\s*([<≤].*)", text)
    if not match:
        raise UsageError(f"objective {text!r} has no limit; write 'p95<=215ms' or 'p99 < 1s'")
    try:
        return parse_latency(match[1], match[2])
    except UsageError as error:
        raise UsageError(f"objective {text!r} does not parse: {error}") from None


def parse_limit(text: str) -> tuple[str, str, str]:
    """Return step, key and bound of a scenario's own limit: ("pay", "p99", "<= 1s") for "pay p99 <= 1s".

    The step is "" if none is named, the key as in an objectives file. Raises UsageError quoting what does not parse.
    """
    match = _LIMIT.fullmatch(text)
    if not match:
        raise UsageError(
            f"limit {text!r} does not parse: write 'STEP p95 <= 250ms', 'error rate < 1%' or 'retry rate < 2%'"
        )
    step, metric, bound = match.groups("")
    return step, metric.replace(" ", "_"), bound


def parse_share(text: str) -> float:
    """Return 0.05 for "5%". Raises UsageError for what is not a percentage."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text)
    if not match or float(match[1]) == 0:
        raise UsageError(f"{text!r} is not a percentage above 0; write '5%'")
    return round(float(match[1]) / 100, 12)


def parse_duration_ms(text: str) -> float:
    """Return 0.1 for "0.1ms". Raises UsageError for what is not a duration."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zµ]+)\s*", text)
    if not match or match[2] not in UNITS_MS:
        raise UsageError(
            f"{text!r} is not a duration; write a number and one of {', '.join(UNITS_MS)}: '0.1ms'"
        )
    return float(match[1]) * UNITS_MS[match[2]]


def parse_margins(shares: Mapping[str, str], floor: str | None, floors: Mapping[str, str]) -> Margins:
    """Return the margins of a [gate] table: {"p50": "5%"}, floor "0.1ms", floors {scenario: "0.5ms"}.

    Raises UsageError naming the text that does not parse.
    """
    return Margins(
        quantiles=tuple(Margin(q=parse_quantile(key), most=parse_share(shares[key])) for key in shares),
        floor_ms=DEFAULT_FLOOR_MS if floor is None else parse_duration_ms(floor),
        floors_ms={slug: parse_duration_ms(text) for slug, text in floors.items()},
    )


def _bound(text: str) -> tuple[str, float, str]:
    match = _BOUND.fullmatch(text)
    try:
        number = float(match[2]) if match else math.nan
    except ValueError:
        number = math.nan
    if not match or not (number > 0 and math.isfinite(number)):
        raise UsageError(
            f"{text!r} is not a limit; write '<=' or '<', a number above 0 and a unit: '<= 215ms', '< 1%'"
        )
    return match[1].replace("≤", "<="), number, match[3] or ""


def _unit(unit: str) -> str:
    return f"the unit {unit!r}" if unit else "no unit"


def _name(words: list[str]) -> str:
    return " ".join(word for word in words if word)
