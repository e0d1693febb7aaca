"""Arrays of numpy and Parquet, and our own samples.parquet."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.formats.columns.failures import either
from tailguard.formats.columns.likely import (
    failure_columns,
    latency_column,
    name_columns,
    time_column,
    unit_of,
)
from tailguard.formats.content import Cells, Names, Options, Rows, names_of

_OURS = ("scenario", "step", "intended_ns", "ended_ns", "outcome")
# Rows that are read at a time.
_BATCH = 1 << 20
_NOT_AN_ARRAY = "not an array file; numpy.save and numpy.savez write such"


def read_parquet(path: Path, options: Options) -> Rows:
    """Read one column of a table, or our own samples, whose names are "scenario/step"."""
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        if set(_OURS) <= set(names):
            return _our_samples(
                pq.ParquetFile(path, read_dictionary=["scenario", "step", "outcome"]), options
            )
        return _table(file, names, options)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"not a parquet file: {error}") from None


def _our_samples(file: pq.ParquetFile, options: Options) -> Rows:
    """Read in batches into columns as narrow as they may be: a file may have tens of millions of rows."""
    n = file.metadata.num_rows
    response_ns, intended_ns = np.empty(n, np.int64), np.empty(n, np.int64)
    codes, kept, failed = np.empty(n, np.int32), np.empty(n, bool), np.empty(n, bool)
    labels: dict[str, int] = {}
    at = 0
    for batch in file.iter_batches(_BATCH, columns=list(_OURS)):
        part = slice(at, at := at + len(batch))
        intended_ns[part] = batch["intended_ns"]
        response_ns[part] = pc.subtract(batch["ended_ns"], batch["intended_ns"])
        codes[part] = _steps(batch, labels)
        outcome = pc.dictionary_encode(batch["outcome"])
        kept[part] = ~_is(outcome, "conflict")  # a clean refusal is neither a success nor an error
        failed[part] = ~_is(outcome, "ok")
    names: Names | None = Names(codes, tuple(labels))
    if options.column is not None:
        kept &= codes == _code(labels, options.column)
        names = None
    if not kept.all():
        response_ns, intended_ns, failed = response_ns[kept], intended_ns[kept], failed[kept]
        names = None if names is None else Names(names.codes[kept], names.labels)
    return Rows(response_ns, unit="ns", failed=failed, names=names, times=intended_ns)


def _steps(batch: pa.RecordBatch, labels: dict[str, int]) -> NDArray[np.int32]:
    """Return the code of each row's "scenario/step", and add the new ones to `labels`."""
    scenario, step = (pc.dictionary_encode(batch[name]) for name in ("scenario", "step"))
    width = len(step.dictionary)
    both = np.asarray(scenario.indices, np.int32) * width + np.asarray(step.indices, np.int32)
    table = np.zeros(len(scenario.dictionary) * width, np.int32)
    for code in np.flatnonzero(np.bincount(both, minlength=len(table))).tolist():
        label = f"{scenario.dictionary[code // width]}/{step.dictionary[code % width]}"
        table[code] = labels.setdefault(label, len(labels))
    codes: NDArray[np.int32] = table[both]
    return codes


def _is(encoded: Cells, word: str) -> NDArray[np.bool_]:
    words = encoded.dictionary.to_pylist()
    code = words.index(word) if word in words else -1
    return np.asarray(np.asarray(encoded.indices) == code, np.bool_)


def _code(labels: Mapping[str, int], name: str) -> int:
    if name not in labels:
        raise UsageError(f"scenario/step {name!r} is unknown.{did_you_mean(name, list(labels)[:20])}")
    return labels[name]


def _table(file: pq.ParquetFile, names: Sequence[str], options: Options) -> Rows:
    latency = latency_column(names, options.column, ", ".join(map(str, file.schema_arrow.types)))
    failures, called, time = failure_columns(names), name_columns(names), time_column(names)
    table = file.read(list(dict.fromkeys([latency.name, *failures, *called, *([time] if time else [])])))
    failed = [rule(_text(table[name])) for name, rule in failures.items() if name != latency.name]
    return Rows(
        table[latency.name],
        unit=latency.unit,
        failed=either(*failed) if failed else None,
        names=names_of(*(_text(table[name]) for name in called)) if called else None,
        times=_numbers(table[time]) if time and time != latency.name else None,
        known=False,
    )


def _text(column: Cells) -> Cells:
    return pc.fill_null(pc.cast(column, pa.string()), "")


def _numbers(column: Cells) -> NDArray[np.float64] | None:
    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.int64())
    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    return np.asarray(column, np.float64) if numeric else None


def read_npy(path: Path, options: Options) -> Rows:
    """Read the one array of a .npy."""
    with path.open("rb") as file:
        return _array(file, path.stat().st_size, "")


def read_npz(path: Path, options: Options) -> Rows:
    """Read the array of a .npz that `column` names, or the only one."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {
                name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")
            }
            if not members:
                raise UsageError(f"a zip archive without arrays: {_NOT_AN_ARRAY}")
            name = options.column or (next(iter(members)) if len(members) == 1 else "")
            if name not in members:
                wrong = (
                    f"array {name!r} is unknown.{did_you_mean(name, members)}"
                    if name
                    else "it has several arrays."
                )
                raise UsageError(f"{wrong} Name one with --column: {', '.join(members)}")
            with archive.open(members[name]) as member:
                return _array(member, archive.getinfo(members[name]).file_size, name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"{_NOT_AN_ARRAY}: {error}") from None


def _array(file: IO[bytes], size: int, name: str) -> Rows:
    """Read an array, unless its header promises more than there is: memory would be asked for before it is read."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, kind = read_header(file)
        if kind.hasobject:
            raise UsageError("it holds Python objects, which are never unpickled; save numbers")
        _refuse_shape(shape, kind)
        if shape[0] * kind.itemsize > size:
            raise UsageError(f"its header promises {shape[0]:,} numbers, more than the file has")
        content = file.read(shape[0] * kind.itemsize)
        if len(content) < shape[0] * kind.itemsize:
            raise UsageError("it ends before its last number; save it again")
    except (ValueError, EOFError, OSError, SyntaxError, zipfile.BadZipFile) as error:
        raise UsageError(f"{_NOT_AN_ARRAY}: {str(error).splitlines()[0][:80]}") from None
    values: NDArray[Any] = np.frombuffer(content, kind)
    return Rows(values, unit=unit_of(name) if name else None, known=False)


def _refuse_shape(shape: Sequence[int], kind: np.dtype[Any]) -> None:
    if len(shape) != 1 or kind.kind not in "iuf":
        raise UsageError(f"the array has shape {tuple(shape)} of {kind}; latencies are one row of numbers")
