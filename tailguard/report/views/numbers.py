"""How the report says numbers: thin words on top of tailguard.base.text_format, and one phrase for what is absent."""

from collections.abc import Callable

from tailguard.base import text_format
from tailguard.record.objective import Metric
from tailguard.record.part import Estimate

ABSENT = "not measured"


def ms(value: float | None) -> str:
    """A duration given in milliseconds."""
    return ABSENT if value is None else text_format.duration_ms(value)


def seconds(value: float | None) -> str:
    """A duration given in seconds."""
    return ABSENT if value is None else text_format.duration_s(value)


def percent(ratio: float | None) -> str:
    """A ratio as per cent: 0.0017 is 0.17 %."""
    return ABSENT if ratio is None else text_format.ratio(ratio)


def signed_percent(share: float | None) -> str:
    """A change as per cent of what it was, with its sign: 0.032 is +3.2 %."""
    return ABSENT if share is None else text_format.signed_percent(share)


def signed_points(share: float | None) -> str:
    """A difference of two shares in points of a hundred, with its sign: 0.005 is +0.5 points."""
    return ABSENT if share is None else text_format.signed_points(share)


def count(value: float | None) -> str:
    """A whole number, thousands apart."""
    return ABSENT if value is None else text_format.count(int(value))


def blocks(value: float | None) -> str:
    """Blocks of a table or index."""
    return ABSENT if value is None else f"{count(value)} blocks"


def plural(n: int, noun: str) -> str:
    """`1 warning`, `2 warnings`."""
    return f"{count(n)} {noun}{'' if n == 1 else 's'}"


def size(value: float | None) -> str:
    """Bytes in binary units."""
    return ABSENT if value is None else text_format.byte_size(value)


def per_second(value: float | None) -> str:
    return ABSENT if value is None else f"{text_format.significant(value)}/s"


def of_metric(value: float | None, metric: Metric) -> str:
    """What was observed for an objective: a time for a latency, a plain number of recorded ones, else a share."""
    if metric == "value":
        return plain(value)
    return ms(value) if metric == "latency" else percent(value)


def plain(value: float | None) -> str:
    """A recorded number, in its own unit."""
    return ABSENT if value is None else text_format.significant(value)


def interval(estimate: Estimate, show: Callable[[float | None], str] = ms) -> str:
    """The interval of an estimate in words, its bounds as `show` says them."""
    if estimate.value is None:
        return f"too few samples (n = {count(estimate.n)})"
    return between(estimate.low, estimate.high, show, "no interval at this n")


def between(low: float | None, high: float | None, show: Callable[[float | None], str], absent: str) -> str:
    """Both bounds as `show` says them; a missing side is named as missing, `absent` without either."""
    if low is None and high is None:
        return absent
    if high is None:
        return f"≥ {show(low)}, no upper bound"
    if low is None:
        return f"≤ {show(high)}, no lower bound"
    return f"{show(low)} to {show(high)}"
