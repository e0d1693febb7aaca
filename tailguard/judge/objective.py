"""The words in which people write objectives and margins: "95 % of uploads within 75 ms" is p95 <= 75ms.

One grammar for all: `[STEP or NAME] METRIC (< or <=) LIMIT`, read from the right, so that names may hold spaces:
"GET /cart p95 <= 120ms", "error rate < 1%". What a journey recorded has limits without a unit, or a rate:
"queue_depth p95 <= 100", "cache_hit rate >= 95%".
"""

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tailguard.base.errors import UsageError
from tailguard.record.objective import Margin, Margins, Metric, Objective

# To milliseconds: limits are written in the unit that people think in.
UNITS_MS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1000.0}

# A change smaller than this does not matter in practice and is mostly the clock's and the scheduler's.
DEFAULT_FLOOR_MS = 0.1
# What the gate allows if no objectives say otherwise: beyond these, most people notice.
DEFAULT_MARGINS = Margins(
    quantiles=(Margin(q=0.5, most=0.05), Margin(q=0.95, most=0.10)), floor_ms=DEFAULT_FLOOR_MS
)

# Shares of samples that may be limited, as people write them, and as the record names them.
RATES: Mapping[str, Metric] = {
    "error rate": "error_rate",
    "refusal rate": "refusal_rate",
    "retry rate": "retry_rate",
}

# How often something that was recorded was true.
RATE = "rate"

_OBJECTIVE = re.compile(r"(.*?)(<=|>=|[<>≤≥])([^<>=≤≥]*)", re.DOTALL)
_METRIC = re.compile(rf"(?:(.*?\S)\s+)??(p\d[\d.]*|{'|'.join(RATES)}|{RATE})", re.DOTALL)
_K6_QUANTILE = re.compile(r"p\((\d+(?:\.\d+)?)\)")

_AVERAGE = "an average hides the slow ones"
_LOAD = "how much was sent is the load that was asked for, not a promise; judged are latencies and errors"
# What other tools limit and this one does not: why, and the form that is meant.
_FOREIGN = {
    **dict.fromkeys(("avg", "mean", "average"), (_AVERAGE, "p50 <= 200ms' or 'p95 <= 200ms")),
    **dict.fromkeys(("med", "median"), ("it is called p50 here", "p50 <= 200ms")),
    **dict.fromkeys(("max", "maximum"), ("a maximum only grows with the samples", "p99.9 <= 1s")),
    **dict.fromkeys(("min", "minimum"), ("the fastest one tells of no user", "p50 <= 200ms")),
    **dict.fromkeys(("rps", "throughput", "count", "rate", "tps"), (_LOAD, "p95 <= 200ms")),
    **dict.fromkeys(("errors", "error", "failures", "http_req_failed"), ("it is a rate", "error rate < 1%")),
}
_BOUND = re.compile(r"\s*(<=|<|≤|>=|≥)\s*([0-9.eE+-]+)\s*(%|[a-zµ]+)?\s*")
_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Stated:
    """An objective's parts: the step or name ("" for none), what is limited, and the limit, such as "<= 1s".

    `key` is what an objectives file calls it: a quantile such as p95, or the rate's own name.
    """

    name: str
    metric: Metric
    key: str
    bound: str


def parse_stated(text: str) -> Stated:
    """Take an objective apart. Raises UsageError with the reason, and with the form that is meant."""
    match = _OBJECTIVE.fullmatch(text)
    if not match:
        raise UsageError("it has no limit; write 'p95 <= 215ms' or 'error rate < 1%'")
    left, relation, limit = (part.strip() for part in match.groups())
    metric = _METRIC.fullmatch(left)
    if not metric or (metric[2] == RATE and not _is_recorded(metric[1])):
        raise UsageError(_not_a_metric(left, relation, limit))
    if relation == ">" or (relation in {">=", "≥"} and metric[2] != RATE):
        raise UsageError(f"{relation!r} sets no limit to what is too much; write '<=' or '<'")
    name, key = metric.groups("")
    kind: Metric = "rate" if key == RATE else RATES.get(key, "latency")
    return Stated(name, kind, RATES.get(key, key), f"{_ascii(relation)} {limit}")


def _is_recorded(name: str | None) -> bool:
    """Whether `NAME rate` may be a recorded metric's: without a name, or near another rate, it is misspelt."""
    if not name:
        return False
    return not difflib.get_close_matches(f"{name.split()[-1]} {RATE}", RATES, 1, cutoff=0.8)


def _ascii(relation: str) -> str:
    return relation.replace("≤", "<=").replace("≥", ">=")


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


def is_without_unit(bound: str) -> bool:
    """Whether a bound is one of recorded numbers, such as "<= 100"."""
    return bound.strip()[-1:].isdigit()


def parse_numbers(key: str, bound: str, *, scenario: str, name: str) -> Objective:
    """Return the objective of a quantile of the recorded metric `name`. Raises UsageError for what does not parse."""
    relation, number, _ = _bound(bound)
    return Objective(
        name=_name([scenario, name, key, relation, f"{number:.10g}"]),
        scenario=scenario,
        step=name,
        metric="value",
        q=parse_quantile(key),
        limit_value=number,
        strict=relation == "<",
    )


def parse_recorded_rate(bound: str, *, scenario: str, name: str) -> Objective:
    """Return the objective of how often the recorded metric `name` is true: ">= 95%" or "<= 5%".

    Raises UsageError naming the text that does not parse.
    """
    relation, number, unit = _bound(bound)
    if unit != "%" or not 0 < number / 100 < 1:
        raise UsageError(f"{name} rate {bound!r} is not a percentage between 0 and 100; write '>= 95%'")
    ratio = round(number / 100, 12)
    return Objective(
        name=_name([scenario, name, RATE, relation, f"{number:.10g}%"]),
        scenario=scenario,
        step=name,
        metric="rate",
        max_ratio=None if relation == ">=" else ratio,
        min_ratio=ratio if relation == ">=" else None,
        strict=relation == "<",
    )


def parse_rate(
    metric: Metric, bound: str, *, scenario: str = "", step: str = "", titled: bool = False, refusal: str = ""
) -> Objective:
    """Return the objective of a rate and its `bound`, a percentage ("< 1%").

    The step is part of the name if it is `titled`; `refusal` is the one whose rate is meant, "" for all. Raises
    UsageError naming the text that does not parse.
    """
    relation, number, unit = _bound(bound)
    if unit != "%" or not 0 < number / 100 < 1:
        raise UsageError(f"{metric} {bound!r} is not a percentage between 0 and 100; write '< 1%'")
    return Objective(
        name=_name(
            [
                scenario,
                step if titled else "",
                metric.replace("_", " "),
                f"of {refusal}" if refusal else "",
                relation,
                f"{number:.10g}%",
            ]
        ),
        scenario=scenario,
        step=step,
        metric=metric,
        max_ratio=round(number / 100, 12),
        strict=relation == "<",
        refusal=refusal,
    )


def parse_quantile(key: str) -> float:
    """Return 0.95 for "p95". Raises UsageError for what is not a quantile."""
    match = _QUANTILE.fullmatch(key)
    if not match or float(match[1]) == 0:
        raise UsageError(f"{key!r} is not a quantile; write p50, p95, p99 or p99.9")
    return round(float(match[1]) / 100, 12)


def parse_objective(text: str) -> Objective:
    """Return the objective of a command line: "p95<=215ms", "GET /cart p99 < 1s", "error rate < 1%".

    Its step is the name that it has. Raises UsageError quoting what does not parse.
    """
    try:
        stated = parse_stated(text)
        if stated.metric in {"latency", "rate"}:  # nothing is recorded here but times
            return parse_latency(stated.key, stated.bound, step=stated.name, titled=True)
        return parse_rate(stated.metric, stated.bound, step=stated.name, titled=True)
    except UsageError as error:
        raise UsageError(f"objective {text!r} does not parse: {error}") from None


def parse_limit(text: str) -> tuple[str, str, str]:
    """Return step, key and bound of a scenario's own limit: ("pay", "p99", "<= 1s") for "pay p99 <= 1s".

    The step is "" if none is named, the key as in an objectives file. Raises UsageError quoting what does not parse.
    """
    try:
        stated = parse_stated(text)
    except UsageError as error:
        raise UsageError(
            f"limit {text!r} does not parse: write 'STEP p95 <= 250ms', 'error rate < 1%' or 'refusal rate < 2%'"
            f" ({error})"
        ) from None
    return stated.name, stated.key, stated.bound


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


def _not_a_metric(left: str, relation: str, limit: str) -> str:
    word = left.rsplit(maxsplit=1)[-1] if left else ""
    if near := difflib.get_close_matches(" ".join(left.split()[-2:]), RATES, 1, cutoff=0.8):
        return f"{left!r} is not a rate that is judged; did you mean '{near[0]} {relation} {limit}'?"
    if quantile := _K6_QUANTILE.fullmatch(word):
        unit = "" if limit.endswith("s") else "ms"
        form = f"{left[: -len(word)]}p{quantile[1]} {relation} {limit}{unit}"
        return f"{word!r} is how k6 writes it; write '{form}'"
    if word.lower() in _FOREIGN:
        why, form = _FOREIGN[word.lower()]
        return f"{word!r} is not a quantile or a rate that is judged: {why}; write '{form}'"
    return f"{word!r} is not a quantile; write p50, p95, p99 or p99.9, or one of {', '.join(RATES)}"


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
    return _ascii(match[1]), number, match[3] or ""


def _unit(unit: str) -> str:
    return f"the unit {unit!r}" if unit else "no unit"


def _name(words: list[str]) -> str:
    return " ".join(word for word in words if word)
