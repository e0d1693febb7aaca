"""Latencies that any tool wrote, in time order and ms. What cannot be a latency is refused with its row."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.formats.latency_files import Column, read_array, read_json, read_parquet, read_table, read_text
from tailguard.judge.objective import UNITS_MS

_READERS: dict[str, Callable[[Path, str | None], Column]] = {
    ".parquet": read_parquet,
    ".csv": read_table,
    ".jtl": read_table,
    ".json": read_json,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".npy": read_array,
    ".npz": read_array,
}


@dataclass(frozen=True, slots=True)
class Latencies:
    """Latencies of successful requests in time order, and what a reader should know about them."""

    values_ms: NDArray[np.float64]
    notes: tuple[str, ...]


def read_latencies(path: str | Path, *, column: str | None = None, unit: str | None = None) -> Latencies:
    """Read parquet (ours too), CSV, JTL, k6 JSON or CSV, vegeta JSON, .npy, .npz, or text with numbers.

    `column` names the column, metric, array or, in our samples.parquet, the "scenario/step"; if only one
    fits it may be left out. `unit` is needed only if the file does not say it; ms is assumed, and said.
    Raises UsageError for an empty or unreadable file, an unknown column or unit, and for NaN, negative or infinite
    latencies with their row, counted from 1.
    """
    path = Path(path)
    if unit is not None and unit not in UNITS_MS:
        raise UsageError(f"unit {unit!r} is unknown; it is one of {', '.join(UNITS_MS)}")
    try:
        found = _READERS.get(path.suffix.lower(), read_text)(path, column)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}. Name a file with latencies.") from None
    except (UsageError, ValueError, TypeError) as error:  # a time stamp that is not one, and the like
        raise UsageError(f"{path}: {error}") from None
    return _checked(path, found, unit)


def _checked(path: Path, found: Column, unit: str | None) -> Latencies:
    values = pd.to_numeric(found.values, errors="coerce").to_numpy(float)
    _refuse(path, found, values)
    notes = list(found.notes)
    if not (unit or found.unit):
        notes.append("the unit is not stated: taken as ms (--unit says otherwise)")
    scale = UNITS_MS[unit or found.unit or "ms"]
    # Division by a whole number is exact, multiplication by 1e-6 is not: 215,000,000 ns is 215 ms, not a bit more.
    values = values / round(1 / scale) if scale < 1 else values * scale
    ok = np.ones(len(values), bool) if found.ok is None else found.ok
    if found.times is not None and not found.times.is_monotonic_increasing:
        notes.append("rows were not in time order: sorted by their time")
        order = np.argsort(found.times.to_numpy(), kind="stable")
        values, ok = values[order], ok[order]
    if not ok.all():
        notes.append(
            f"{int((~ok).sum())} of {len(ok)} samples failed: left out of the latency, judge them as errors"
        )
        values = values[ok]
    return Latencies(values, tuple(notes))


def _refuse(path: Path, found: Column, values: NDArray[np.float64]) -> None:
    """Raise for no value at all, and for the first that is not a latency, as it stands in the file."""
    if len(values) == 0:
        raise UsageError(f"{path} is empty: it has no latency to judge")
    wrong = np.flatnonzero(~np.isfinite(values) | (values < 0))
    if wrong.size:
        row = int(wrong[0])
        value = found.values.tolist()[row]
        raise UsageError(
            f"{path}, row {row + 1}: {value!r} is not a latency; it is a finite number of 0 or more"
        )
