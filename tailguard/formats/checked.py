"""Latencies in ms: each a finite number of 0 or more that may be a latency, in a unit that is given or known."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.base.text_format import duration_ms, ratio
from tailguard.formats.content import Cells, Histogram, Names, Options, Rows, Times, Unit
from tailguard.judge.objective import UNITS_MS

# Nobody waits longer for an answer: such a value is a time stamp, or its unit is another.
LONGEST_MS = 24 * 3600 * 1000.0
# If this many rows in a row rise, or rise by the same step, it is not by chance.
_RISING = 20
_UNTOLD = "the file does not say which requests failed: all are taken as good"
# How many of the rows that were left out are shown.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Population:
    """Requests that are judged together, in time order: the latencies of the good ones, and which of all failed."""

    ok_ms: NDArray[np.float64] = field(repr=False)
    failed: NDArray[np.bool_] | None = field(repr=False)

    @property
    def failures(self) -> int:
        """How many failed."""
        return 0 if self.failed is None else int(self.failed.sum())

    @property
    def requests(self) -> int:
        """How many there are, good or not."""
        return len(self.ok_ms) + self.failures


@dataclass(frozen=True, slots=True)
class Latencies:
    """Checked samples of a file."""

    values_ms: NDArray[np.float64] = field(repr=False)
    failed: NDArray[np.bool_] | None = field(repr=False)
    names: Names | None = field(repr=False)
    times: Times | None = field(repr=False)
    ordered: bool
    notes: tuple[str, ...]
    skipped: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The different names; none if the format has no names."""
        return () if self.names is None else self.names.labels

    def of(self, label: str | None = None) -> Population:
        """Return the requests of one name, or all, in time order."""
        values, failed, times = self.values_ms, self.failed, self.times
        if label is not None and self.names is not None and len(self.labels) > 1:
            chosen = np.flatnonzero(self.names.codes == self.labels.index(label))
            values = values[chosen]
            failed = None if failed is None else failed[chosen]
            times = None if times is None else times[chosen]
        if times is not None and (times[1:] < times[:-1]).any():
            order = np.argsort(times, kind="stable")
            values, failed = values[order], None if failed is None else failed[order]
        return Population(values if failed is None else values[~failed], failed)


@dataclass(frozen=True, slots=True)
class Counted:
    """A checked histogram, in ms."""

    values_ms: NDArray[np.float64] = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)
    error: float
    complete: bool
    failed_within: int | None
    failed_beside: int
    notes: tuple[str, ...]


def check_rows(found: Rows, options: Options) -> Latencies:
    """Return samples in ms. Raises UsageError for the first row that is not a latency, unless it is left out."""
    values = _numbers(found.values)
    bad = ~np.isfinite(values) | (values < 0)
    if found.failed is not None:
        bad &= ~found.failed  # a request that failed may have no latency
    skipped = list(found.skipped)
    if bad.any():
        wrong = _wrong(found, int(bad.argmax()))
        if not options.skip_bad_rows:
            raise UsageError(f"{wrong}; mend it, or leave such rows out with --skip-bad-rows")
        skipped = [wrong] * int(bad.sum()) + skipped
    failed, names, times = found.failed, found.names, found.times
    if bad.any():
        values = values[~bad]
        failed = None if failed is None else failed[~bad]
        times = None if times is None else times[~bad]
        names = None if names is None else Names(names.codes[~bad], names.labels)
    if not len(values):
        raise UsageError(_empty(skipped))
    unit = _unit(found.unit, options.unit, found.values)
    values = _in_ms(values, unit)
    notes = [*found.notes, *_of_skipped(skipped)]
    if failed is None:
        notes.append(_UNTOLD)
    _refuse_absurd(found, values, failed, unit)
    ordered = found.ordered and (times is not None or not _is_sorted(values))
    if not ordered:
        notes.append("the rows are sorted by latency: bursts in time cannot be seen")
    elif times is not None and names is None and (times[1:] < times[:-1]).any():
        notes.append("rows were not in time order: sorted by their time")
    return Latencies(values, failed, names, times, ordered, tuple(notes), len(skipped))


def check_histogram(found: Histogram, options: Options) -> Counted:
    """Return a histogram in ms. Raises UsageError if its unit is neither given nor known."""
    unit = _unit(found.unit, options.unit, found.values)
    values = _in_ms(found.values, unit)
    if values[-1] > LONGEST_MS:
        raise UsageError(f"its largest value would be {duration_ms(float(values[-1]))}; is its unit {unit}?")
    untold = (_UNTOLD,) if found.failed_within is None else ()
    notes = (*found.notes, f"a histogram: its values are known to {ratio(found.error)}", *untold)
    return Counted(
        values, found.counts, found.error, found.complete, found.failed_within, found.failed_beside, notes
    )


def _numbers(cells: Cells) -> NDArray[np.float64]:
    """Return numbers, NaN for what is none."""
    if isinstance(cells, np.ndarray):
        return cells.astype(np.float64, copy=False)
    if not isinstance(cells, pa.Array | pa.ChunkedArray):
        return np.array([_number(value) for value in cells], np.float64)
    try:
        if pa.types.is_string(cells.type):
            cells = pc.utf8_trim_whitespace(cells)
        return np.asarray(pc.cast(cells, pa.float64()), np.float64)
    except pa.ArrowException:
        return pd.to_numeric(pd.Series(cells.to_pylist(), dtype=object), errors="coerce").to_numpy(np.float64)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return np.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return np.nan


def _in_ms(values: NDArray[np.float64], unit: Unit) -> NDArray[np.float64]:
    scale = UNITS_MS[unit]
    # Division by a whole number is exact, multiplication by 1e-6 is not: 215,000,000 ns is 215 ms, not a bit more.
    return values if scale == 1 else values / round(1 / scale) if scale < 1 else values * scale


def _unit(known: Unit | None, said: Unit | None, values: Cells) -> Unit:
    said = "us" if said == "µs" else said
    if known and said and known != said:
        raise UsageError(f"its latencies are in {known}, not in {said}; leave --unit out")
    unit = known or said
    if unit is None:
        first = _shown(values, 0) if len(values) else "there is none"
        raise UsageError(
            f"it does not say the unit of its latencies (the first is {first}): add --unit, one of"
            f" ns, us, ms, s"
        )
    return unit


def _wrong(found: Rows, row: int) -> str:
    value = _shown(found.values, row)
    return f"{found.counted_as} {row + 1}: {value} is not a latency; it is a finite number of 0 or more"


def _shown(values: Cells, row: int) -> str:
    value = values[row]
    plain = value.as_py() if isinstance(value, pa.Scalar) else value
    return repr(plain.item() if isinstance(plain, np.generic) else plain)[:80]


def _empty(skipped: Sequence[str]) -> str:
    if skipped:
        return f"it has no samples but for {len(skipped):,} bad rows: {skipped[0]}"
    return "it has no samples: it is empty but for what names its columns"


def _of_skipped(skipped: Sequence[str]) -> list[str]:
    if not skipped:
        return []
    rest = f", and {len(skipped) - _SHOWN:,} more" if len(skipped) > _SHOWN else ""
    return [f"bad rows left out: {len(skipped):,}: {'; '.join(dict.fromkeys(skipped[:_SHOWN]))}{rest}"]


def _refuse_absurd(
    found: Rows, values: NDArray[np.float64], failed: NDArray[np.bool_] | None, unit: Unit
) -> None:
    """Raise for what is a number and still no latency: a time stamp, a counter."""
    longest = values.max() if failed is None else values.max(where=~failed, initial=0.0)
    if longest > LONGEST_MS:
        raise UsageError(
            f"a latency of {duration_ms(float(longest))} is not one: a time stamp, or another unit than {unit}?"
            " Name the column with --column, the unit with --unit"
        )
    if found.known or len(values) < _RISING:
        return
    steps = np.diff(values)
    if steps[0] > 0 and np.allclose(steps, steps[0], rtol=1e-6):
        raise UsageError(
            f"its values rise by {steps[0]:g} ms in each row: a counter or a clock, not a latency."
            " Name another --column"
        )


def _is_sorted(values: NDArray[np.float64]) -> bool:
    rises = len(values) >= _RISING and values[0] < values[-1]
    return rises and not (values[1:] < values[:-1]).any()
