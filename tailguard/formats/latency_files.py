"""File formats of load tools, each read into one column of latencies as the file has them, not yet checked."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.record.part import Json, Scalar

# Names that tools and people give to a latency column, the likeliest first: JMeter, k6, oha, locust, vegeta, our own.
LIKELY = ("elapsed", "latency", "response_time", "duration", "http_req_duration", "time", "value")
SUFFIXES = {"_ns": "ns", "_us": "us", "_ms": "ms", "_s": "s"}


class K6Sample(msgspec.Struct):
    """What a k6 point holds; its value is checked with all others."""

    value: Scalar
    time: str


class K6Point(msgspec.Struct):
    """One line of k6's JSON that is a sample."""

    metric: str
    data: K6Sample


@dataclass(frozen=True, slots=True)
class Column:
    """Latencies as they stand in the file; times give their order, `ok` who succeeded; unit None: not stated."""

    values: "pd.Series[Any]"
    unit: str | None = None
    times: "pd.Series[Any] | None" = None
    ok: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()


def read_parquet(path: Path, column: str | None) -> Column:
    """Read one column, or one step of our samples.parquet named "scenario/step"."""
    try:
        table = pyarrow.parquet.read_table(path).to_pandas()
    except pyarrow.ArrowInvalid as error:
        raise UsageError(f"not a parquet file: {error}") from None
    if {"scenario", "step", "intended_ns", "ended_ns", "outcome"} <= set(table.columns):
        return _our_samples(table, column)
    return _from_table(table, column)


def read_table(path: Path, column: str | None) -> Column:
    """Read a CSV with a header line: JTL, k6 --out csv, or any other with a column of latencies."""
    text = path.read_bytes()
    if text.lstrip().startswith(b"<"):
        raise UsageError(
            "this is XML; save JMeter results as CSV (jmeter.save.saveservice.output_format=csv)"
        )
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", skipinitialspace=True)
    except pd.errors.EmptyDataError:
        return Column(pd.Series([], dtype=str))
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UsageError(f"not a CSV file: {error}") from None
    if _is_number(str(table.columns[0])):
        return read_text(path, column)
    if {"metric_name", "metric_value", "timestamp"} <= set(table.columns):
        of_metric = table[table["metric_name"] == _metric(table["metric_name"], column)]
        return Column(of_metric["metric_value"], "ms", pd.to_numeric(of_metric["timestamp"]))
    if {"timeStamp", "elapsed", "success"} <= set(table.columns):
        ok = (table["success"].str.lower() == "true").to_numpy(bool)
        return Column(_named(table, column or "elapsed"), "ms", pd.to_numeric(table["timeStamp"]), ok)
    return _from_table(table, column)


def read_json(path: Path, column: str | None) -> Column:
    """Read k6's and vegeta's lines of JSON, or one JSON array of numbers or of objects."""
    rows = _json_rows(path.read_text(encoding="utf-8"))
    if not rows or not isinstance(rows[0], dict):
        return Column(pd.Series(rows, dtype=object))
    objects = _objects(rows)
    if any(row.get("type") == "Point" for row in objects):
        return _k6(objects, column)
    if {"latencies", "requests"} <= rows[0].keys() or "metrics" in rows[0]:
        raise UsageError(
            "this is a summary, which has no samples; use `vegeta encode` or `k6 run --out json=FILE`"
        )
    table = pd.DataFrame(rows)
    if {"latency", "timestamp", "code"} <= set(table.columns):
        return _vegeta(table, column)
    return _from_table(table, column)


def _objects(rows: Sequence[Json]) -> list[dict[str, Json]]:
    objects = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise UsageError(f"row {number} is {row!r}, not an object with a latency")
        objects.append(row)
    return objects


def _vegeta(table: pd.DataFrame, column: str | None) -> Column:
    failed = table["error"].fillna("") != "" if "error" in table else pd.Series(data=False, index=table.index)
    times = pd.to_datetime(table["timestamp"])
    return Column(_named(table, column or "latency"), "ns", times, ~failed.to_numpy(bool))


def read_array(path: Path, column: str | None) -> Column:
    """Read a .npy array, or the array of a .npz that `column` names."""
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile):  # numpy's own words advise to unpickle it
        raise UsageError("not an array file; numpy.save and numpy.savez write such") from None
    if isinstance(loaded, np.ndarray):
        return _from_array(loaded, None)
    with loaded:
        name = column or (loaded.files[0] if len(loaded.files) == 1 else None)
        if name not in loaded.files:
            raise _unknown("array", name, loaded.files)
        return _from_array(loaded[name], name)


def read_text(path: Path, column: str | None) -> Column:
    """Read numbers separated by white space or commas."""
    if column is not None:
        raise UsageError(f"plain numbers have no column {column!r}; leave --column out")
    try:
        words = path.read_text(encoding="utf-8").replace(",", " ").split()
    except UnicodeDecodeError as error:
        raise UsageError(f"neither a known format nor text with numbers: {error}") from None
    return Column(pd.Series(words, dtype=str))


def _our_samples(table: pd.DataFrame, column: str | None) -> Column:
    steps = (table["scenario"].astype(str) + "/" + table["step"].astype(str)).to_numpy()
    known = sorted(set(steps))
    name = column or (known[0] if len(known) == 1 else None)
    if name not in known:
        raise _unknown("scenario/step", name, known)
    chosen = table[(steps == name) & (table["outcome"] != "conflict").to_numpy()]
    response_ns = chosen["ended_ns"] - chosen["intended_ns"]
    return Column(response_ns, "ns", chosen["intended_ns"], (chosen["outcome"] == "ok").to_numpy(bool))


def _k6(rows: Sequence[dict[str, Json]], column: str | None) -> Column:
    try:
        points = [msgspec.convert(row, K6Point) for row in rows if row.get("type") == "Point"]
    except msgspec.ValidationError as error:
        raise UsageError(f"a point is not one of k6's: {error}") from None
    metric = _metric(pd.Series([point.metric for point in points]), column)
    data = [point.data for point in points if point.metric == metric]
    times = pd.to_datetime(pd.Series([each.time for each in data]), utc=True, format="ISO8601")
    return Column(pd.Series([each.value for each in data]), "ms", times)


def _metric(names: "pd.Series[Any]", column: str | None) -> str:
    known = sorted(set(names))
    metric = column or "http_req_duration"
    if metric not in known:
        raise _unknown("metric", metric, known)
    return metric


def _from_table(table: pd.DataFrame, column: str | None) -> Column:
    names = [str(name) for name in table.columns]
    likely = [name for word in LIKELY for name in names if name.lower().startswith(word)]
    name = column or (names[0] if len(names) == 1 else next(iter(likely), None))
    values = _named(table, name)
    notes = (
        ()
        if column or len(names) == 1
        else (f"column {name!r} is taken as the latency (--column says otherwise)",)
    )
    return Column(values, _unit_of(str(name)), notes=notes)


def _named(table: pd.DataFrame, name: str | None) -> "pd.Series[Any]":
    if name not in table.columns:
        raise _unknown("column", name, [str(each) for each in table.columns])
    return table[name]


def _from_array(array: NDArray[Any], name: str | None) -> Column:
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise UsageError(
            f"the array has shape {array.shape} of {array.dtype}; latencies are one row of numbers"
        )
    return Column(pd.Series(array), _unit_of(name or ""))


def _unit_of(name: str) -> str | None:
    return next((unit for suffix, unit in SUFFIXES.items() if name.lower().endswith(suffix)), None)


def _json_rows(text: str) -> list[Json]:
    if text.lstrip().startswith("["):
        try:
            return list(json.loads(text))
        except ValueError as error:
            raise UsageError(f"not JSON: {error}") from None
    rows: list[Json] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                if number == 1 and text.lstrip().startswith("{"):
                    return [_whole(text)]
                raise UsageError(f"row {number} is not JSON: {error}") from None
    return rows


def _whole(text: str) -> Json:
    """Return a JSON document over several lines, such as a summary."""
    try:
        document: Json = json.loads(text)
    except ValueError as error:
        raise UsageError(f"not JSON: {error}") from None
    return document


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _unknown(kind: str, name: str | None, known: Sequence[str]) -> UsageError:
    near = get_close_matches(name or "", known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"name one with --column: {', '.join(known[:12])}"
    return UsageError(
        f"{kind} {name!r} is unknown; {hint}" if name else f"it has more than one {kind}; {hint}"
    )
