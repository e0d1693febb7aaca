"""Which column of a nameless tool's table is the latency, and which says who failed, of what, and when."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.formats.columns.failures import by_error, by_status, by_success
from tailguard.formats.content import Cells, Unit

_LATENCY = {
    "latency", "elapsed", "duration", "response_time", "responsetime", "rt", "request_duration", "http_req_duration",
    "ttime", "total_time", "time_total", "took",
}  # fmt: skip
_STATUS = {
    "status",
    "status_code",
    "statuscode",
    "code",
    "http_status",
    "response_code",
    "responsecode",
    "http_code",
}
_ERROR = {
    "error",
    "exception",
    "failure",
    "failure_message",
    "failuremessage",
    "err",
    "error_message",
    "failed",
}
_SUCCESS = {"success", "ok", "succeeded", "passed", "is_success", "expected_response"}
_NAME = (
    "scenario",
    "transaction",
    "label",
    "method",
    "request_type",
    "name",
    "url",
    "endpoint",
    "route",
    "path",
)
_TIME = (
    "timestamp",
    "time_stamp",
    "start",
    "start_time",
    "started",
    "started_at",
    "time",
    "ts",
    "date",
    "offset",
)
_UNITS = tuple(get_args(Unit))
_SUFFIX = re.compile(rf"(.*?)[_\s(\[-]*({'|'.join(_UNITS)})[)\]]?")


@dataclass(frozen=True, slots=True)
class Likely:
    """The latency's column, and whether it was named or is the likeliest."""

    name: str
    unit: Unit | None
    named: bool


def latency_column(names: Sequence[str], named: str | None, first_row: str) -> Likely:
    """Return the column that was named, the only one, or the one that is called a latency.

    Raises UsageError with the first row and the columns if none or several may be meant.
    """
    if named is not None:
        if named not in names:
            raise UsageError(
                f"column {named!r} is unknown.{did_you_mean(named, names)} {_choice(names, first_row)}"
            )
        return Likely(named, unit_of(named), named=True)
    if len(names) == 1:
        return Likely(names[0], unit_of(names[0]), named=False)
    called = [name for name in names if _stem(name) in _LATENCY]
    for likely in ([name for name in called if unit_of(name)], called, [n for n in names if unit_of(n)]):
        if len(likely) == 1:
            return Likely(likely[0], unit_of(likely[0]), named=False)
        if likely:
            break
    raise UsageError(f"it is not clear which column is the latency. {_choice(names, first_row)}")


def unit_of(name: str) -> Unit | None:
    """Return the unit that a name ends with: "rt_ms", "Zeit (s)"."""
    match = _SUFFIX.fullmatch(name.strip().lower())
    if match is None or (match[1] and name.strip().lower()[len(match[1])].isalnum()):
        return None
    return "us" if match[2] == "µs" else next(unit for unit in _UNITS if unit == match[2])


def failure_columns(names: Sequence[str]) -> dict[str, Callable[[Cells], NDArray[np.bool_]]]:
    """Return the columns that say who failed, each with how it says so."""
    rules = ((_STATUS, by_status), (_ERROR, by_error), (_SUCCESS, by_success))
    return {name: rule for name in names for words, rule in rules if _word(name) in words}


def name_columns(names: Sequence[str]) -> list[str]:
    """Return the columns that name what was asked, the widest first."""
    return [name for word in _NAME for name in names if _word(name) == word]


def time_column(names: Sequence[str]) -> str | None:
    """Return the column that says when."""
    return next((name for word in _TIME for name in names if _word(name) == word), None)


def _word(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _stem(name: str) -> str:
    unit = unit_of(name)
    return _word(name).removesuffix(f"_{unit}") if unit else _word(name)


def _choice(names: Sequence[str], first_row: str) -> str:
    return f"Name one with --column: {', '.join(names[:20])}. Its first row is: {first_row}"
