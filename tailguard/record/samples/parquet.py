"""samples.parquet: every kept sample of a run, one row each, readable by anything that reads Parquet.

Columns: scenario, step, outcome, error (dictionary-encoded strings; error is "" if there is none),
intended_ns, started_ns, ended_ns (int64, one monotonic scale), retries (int32).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.record.samples import OUTCOMES, Samples

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("scenario", "step", "intended_ns", "started_ns", "ended_ns", "outcome", "error", "retries")
# The names in code order, so that reading gives the very Samples that were written, unused steps included.
NAMES = b"tailguard.names"


def write_samples(where: Path | BinaryIO, samples: Mapping[str, Samples]) -> None:
    """Write the samples of all scenarios to one Parquet file."""
    import pyarrow as pa  # noqa: PLC0415  # slow to import: only who touches the file waits for it
    import pyarrow.parquet as pq  # noqa: PLC0415

    parts = list(samples.items())
    slugs = [slug for slug, _ in parts]
    columns: dict[str, Any] = {
        "scenario": _encoded([(np.full(len(s.ended_ns), i), slugs) for i, (_, s) in enumerate(parts)]),
        "step": _encoded([(s.step, s.steps) for _, s in parts]),
    }
    for name in ("intended_ns", "started_ns", "ended_ns"):
        columns[name] = pa.array(_joined([getattr(s, name) for _, s in parts], np.int64))
    columns["outcome"] = _encoded([(s.outcome, OUTCOMES) for _, s in parts])
    columns["error"] = _encoded([(s.error, s.errors) for _, s in parts])
    columns["retries"] = pa.array(_joined([s.retries for _, s in parts], np.int32))
    names = {slug: {"steps": list(s.steps), "errors": list(s.errors)} for slug, s in parts}
    table = pa.table(columns).replace_schema_metadata({NAMES: json.dumps(names)})
    pq.write_table(table, where, compression="zstd")


def read_samples(path: Path) -> dict[str, Samples]:
    """Return the samples of each scenario; raise UsageError if the file is missing or is not ours."""
    table = _read_table(path)
    columns = {name: table.column(name) for name in COLUMNS}
    names = json.loads(table.schema.metadata[NAMES])
    scenario = _codes(columns["scenario"], tuple(names))
    try:
        return {
            slug: _one(slug, columns, np.flatnonzero(scenario == code), names[slug])
            for code, slug in enumerate(names)
        }
    except ValueError as error:
        raise UsageError(f"{path} is broken: {error}. Measure again.") from error


def read_frame(path: Path) -> "pd.DataFrame":
    """Return all samples as one table; raise UsageError if the file is missing or is not ours."""
    frame: pd.DataFrame = _read_table(path).to_pandas()
    return frame


def _read_table(path: Path) -> Any:
    import pyarrow as pa  # noqa: PLC0415  # see write_samples
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        table = pq.read_table(path, columns=list(COLUMNS))
    except FileNotFoundError as error:
        raise UsageError(
            f"{path} does not exist: this run has no samples. Measure again with `tailguard run`."
        ) from error
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{path} is broken or not written by Tailguard: {error}. Measure again.") from error
    if NAMES not in (table.schema.metadata or {}):
        raise UsageError(f"{path} was not written by Tailguard: it names no scenarios. Measure again.")
    return table


def _one(
    slug: str, columns: Mapping[str, Any], rows: NDArray[np.intp], names: Mapping[str, list[str]]
) -> Samples:
    steps, errors = tuple(names["steps"]), tuple(names["errors"])
    return Samples(
        scenario=slug,
        steps=steps,
        errors=errors,
        intended_ns=columns["intended_ns"].to_numpy()[rows],
        started_ns=columns["started_ns"].to_numpy()[rows],
        ended_ns=columns["ended_ns"].to_numpy()[rows],
        step=_known(_codes(columns["step"], steps)[rows], "step").astype(np.uint8),
        outcome=_known(_codes(columns["outcome"], OUTCOMES)[rows], "outcome").astype(np.uint8),
        error=_known(_codes(columns["error"], errors)[rows], "error"),
        retries=columns["retries"].to_numpy()[rows],
    )


def _known(codes: NDArray[np.int32], column: str) -> NDArray[np.int32]:
    if (codes < 0).any():
        raise ValueError(f"row {int(np.argmax(codes < 0)) + 1} has an unknown {column}")
    return codes


def _joined(parts: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *parts]).astype(kind, copy=False)


def _encoded(parts: Sequence[tuple[NDArray[Any], Sequence[str]]]) -> Any:
    """Return one dictionary array of parts whose codes count in names of their own."""
    import pyarrow as pa  # noqa: PLC0415  # see write_samples

    words = list(dict.fromkeys(word for _, names in parts for word in names))
    place = {word: code for code, word in enumerate(words)}
    codes = [np.array([place[word] for word in names], np.int32)[part] for part, names in parts if len(part)]
    return pa.DictionaryArray.from_arrays(_joined(codes, np.int32), pa.array(words, pa.string()))


def _codes(column: Any, names: Sequence[str]) -> NDArray[np.int32]:
    """Return the column's values as codes in `names`, -1 if a value is none of them."""
    encoded = column.combine_chunks()
    place = {word: code for code, word in enumerate(names)}
    lookup = np.array([place.get(word, -1) for word in encoded.dictionary.to_pylist()] or [-1], np.int32)
    return lookup[encoded.indices.to_numpy()] if len(encoded) else np.empty(0, np.int32)
