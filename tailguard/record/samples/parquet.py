"""samples.parquet: every kept sample of a run, one row each, readable by anything that reads Parquet.

Columns: scenario, step, outcome, error (dictionary-encoded strings; error is "" if there is none; the rows of outcome
"value" are recorded numbers, see `values.py`),
intended_ns, started_ns, ended_ns (int64, one monotonic scale), retries (int32).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from tailguard.base.reading import json_text
from tailguard.base.reading.regular_file import why_not_a_file
from tailguard.record.files import REMEDY, BrokenRunError, naming_broken
from tailguard.record.samples import MOST_RETRIES, MOST_STEPS, OUTCOMES, Samples, values_apart, with_values
from tailguard.record.samples.arrow import numbers, texts
from tailguard.record.samples.values import NO_VALUES

if TYPE_CHECKING:
    import pandas as pd

TIMES = ("intended_ns", "started_ns", "ended_ns")
COLUMNS = ("scenario", "step", "intended_ns", "started_ns", "ended_ns", "outcome", "error", "retries")
# The names in code order, so that reading gives the very Samples that were written, unused steps included.
NAMES = b"tailguard.names"

_OUTCOMES = (*OUTCOMES, "value")
_ENCODED = ("scenario", "step", "outcome", "error")
_KINDS = {
    **dict.fromkeys(TIMES, np.int64),
    "step": np.uint8,
    "outcome": np.uint8,
    "error": np.int32,
    "retries": np.int32,
}
# The difference of two such instants fits 64 bits; no machine is up for 146 years.
_MOST_NS = 1 << 62
_ROWS_AT_ONCE = 1 << 18
# 5 GiB in memory, and six steps of the most iterations that a run has. A file of a stranger may claim more in a few kB.
MOST_ROWS = 1 << 27

_Columns: TypeAlias = dict[str, NDArray[Any]]
_Words: TypeAlias = tuple[list[str], NDArray[np.int32]]
_Rows: TypeAlias = slice | NDArray[np.intp]


def write_samples(where: Path | BinaryIO, samples: Mapping[str, Samples]) -> None:
    """Write the samples of all scenarios to one Parquet file."""
    import pyarrow as pa  # noqa: PLC0415  # slow to import: only who touches the file waits for it
    import pyarrow.parquet as pq  # noqa: PLC0415

    parts = [(slug, with_values(each)) for slug, each in samples.items()]
    slugs = [slug for slug, _ in parts]
    columns: dict[str, Any] = {
        "scenario": _encoded([(np.full(len(s.ended_ns), i), slugs) for i, (_, s) in enumerate(parts)]),
        "step": _encoded([(s.step, s.steps) for _, s in parts]),
    }
    for name in TIMES:
        columns[name] = numbers(_joined([getattr(s, name) for _, s in parts], np.int64))
    columns["outcome"] = _encoded([(s.outcome, _OUTCOMES) for _, s in parts])
    columns["error"] = _encoded([(s.error, s.errors) for _, s in parts])
    columns["retries"] = numbers(_joined([s.retries for _, s in parts], np.int32))
    names = {
        slug: {"steps": list(s.steps), "errors": list(s.errors)}
        | ({"metrics": list(s.recorded.names)} if s.recorded.names else {})
        for slug, s in samples.items()
    }
    table = pa.table(columns).replace_schema_metadata({NAMES: json.dumps(names)})
    pq.write_table(table, where, compression="zstd")


def read_samples(path: Path) -> dict[str, Samples]:
    """Return the samples of each scenario. Raises BrokenRunError if the file is missing or is not as we write it."""
    with _opened(path) as file, naming_broken(path):
        names = _names_in(file)
        sizes = np.zeros(len(names), np.int64)
        for first, batch in _batches(file, ["scenario"]):
            scenario = _words_of(batch, "scenario", first)
            sizes += np.bincount(_codes(scenario, "scenario", tuple(names), first), minlength=len(names))
        columns = {
            slug: {name: np.zeros(size, kind) for name, kind in _KINDS.items()}
            for slug, size in zip(names, sizes, strict=True)
        }
        filled = dict.fromkeys(names, 0)
        for first, batch in _batches(file, COLUMNS):
            for slug, part in _by_scenario(batch, names, first):
                rows = slice(filled[slug], filled[slug] + len(part["step"]))
                for name, values in part.items():
                    if (
                        values.any()
                    ):  # memory of zeros is taken only when it is written: most errors and retries are 0
                        columns[slug][name][rows] = values
                filled[slug] = rows.stop
        return {
            slug: values_apart(
                Samples(
                    scenario=slug,
                    steps=each.all_steps,
                    errors=each.errors,
                    recorded=NO_VALUES,
                    **columns[slug],
                ),
                each.metrics,
            )
            for slug, each in names.items()
        }


def _batches(file: Any, names: Sequence[str]) -> Iterator[tuple[int, Any]]:
    """Yield some rows after the other, each time with the number of those before."""
    first = 0
    for batch in file.iter_batches(_ROWS_AT_ONCE, columns=list(names)):
        yield first, batch
        first += len(batch)


def read_frame(path: Path) -> "pd.DataFrame":
    """Return all samples as one table. Raises BrokenRunError if the file is missing or is not as we write it."""
    with _opened(path) as file, naming_broken(path):
        frame: pd.DataFrame = file.read(columns=list(COLUMNS)).to_pandas()
        return frame


class _Names(msgspec.Struct, forbid_unknown_fields=True):
    """The names of one scenario, in code order."""

    steps: tuple[str, ...]
    errors: tuple[str, ...]
    metrics: tuple[str, ...] = ()

    @property
    def all_steps(self) -> tuple[str, ...]:
        """What rows have as their step."""
        return (*self.steps, *self.metrics)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file that Tailguard wrote, with the columns as written."""
    import pyarrow as pa  # noqa: PLC0415  # see write_samples
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        if why := why_not_a_file(path):
            raise BrokenRunError(f"Cannot read {path}: {why}.")
        schema = pq.read_schema(path)
        for name in COLUMNS:
            found = schema.field(name).type
            kind = pa.string() if name in _ENCODED else pa.int32() if name == "retries" else pa.int64()
            if (found.value_type if pa.types.is_dictionary(found) else found) != kind:
                raise BrokenRunError(
                    f"{path} is broken: column {name} is of {found}, not of {kind}. {REMEDY}"
                )
        with pq.ParquetFile(path, read_dictionary=list(_ENCODED), pre_buffer=False) as file:
            if file.metadata.num_rows > MOST_ROWS:
                raise BrokenRunError(
                    f"{path} has {file.metadata.num_rows:,} rows; {MOST_ROWS:,} are the most. {REMEDY}"
                )
            yield file
    except FileNotFoundError as error:
        raise BrokenRunError(
            f"{path} does not exist: this run has no samples. Measure again with `tailguard run`."
        ) from error
    except KeyError as error:
        raise BrokenRunError(f"{path} was not written by Tailguard: {error.args[0]}. {REMEDY}") from error
    except (OSError, pa.ArrowException) as error:
        raise BrokenRunError(f"{path} is broken or not written by Tailguard: {error}. {REMEDY}") from error


def _names_in(file: Any) -> dict[str, _Names]:
    text = (file.schema_arrow.metadata or {}).get(NAMES)
    if text is None:
        raise ValueError("it was not written by Tailguard: it names no scenarios")
    names = json_text.decode(text, dict[str, _Names])
    for slug, each in names.items():
        if len(each.all_steps) > MOST_STEPS:
            raise ValueError(f"scenario {slug!r} has {len(each.all_steps)} steps; {MOST_STEPS} are the most")
    return names


def _by_scenario(batch: Any, names: Mapping[str, _Names], first: int) -> Iterator[tuple[str, _Columns]]:
    """Yield the columns of each scenario in some rows of the file, of which `first` come before."""
    words = {name: _words_of(batch, name, first) for name in _ENCODED}
    scenario, slugs = _codes(words["scenario"], "scenario", tuple(names), first), tuple(names)
    times = {name: _within(batch, name, -_MOST_NS, _MOST_NS, first) for name in TIMES}
    retries = _within(batch, "retries", 0, MOST_RETRIES, first)
    for code, rows in _runs(scenario):
        slug = slugs[code]
        of_scenario: _Columns = {
            "step": _codes(words["step"], "step", names[slug].all_steps, first, rows),
            "outcome": _codes(words["outcome"], "outcome", _OUTCOMES, first, rows),
            "error": _codes(words["error"], "error", names[slug].errors, first, rows),
            "retries": retries[rows],
        }
        yield slug, {name: column[rows] for name, column in times.items()} | of_scenario


def _runs(scenario: NDArray[np.int32]) -> Iterator[tuple[int, _Rows]]:
    """Yield each code with its rows: a slice if the scenarios come one after the other, as they are written."""
    order = None if (scenario[1:] >= scenario[:-1]).all() else np.argsort(scenario, kind="stable")
    in_order = scenario if order is None else scenario[order]
    edges = [0, *(np.flatnonzero(np.diff(in_order)) + 1).tolist(), len(in_order)]
    for begin, end in pairwise(edges):
        if begin < end:
            yield int(in_order[begin]), slice(begin, end) if order is None else order[begin:end]


def _within(batch: Any, name: str, least: int, most: int, first: int) -> NDArray[Any]:
    """Return a column of numbers. Raises ValueError with the first row whose number is missing or out of bounds."""
    column = batch.column(name)
    if column.null_count:
        raise ValueError(f"row {_first(column.is_null(), first)} has no {name}")
    values: NDArray[Any] = column.to_numpy()
    if len(values) and not (least <= values.min() and values.max() <= most):
        row = int(np.argmax((values < least) | (values > most)))
        raise ValueError(f"row {first + row + 1} has {name} {values[row]}, which cannot be")
    return values


def _words_of(batch: Any, name: str, first: int) -> _Words:
    """Return a column's words and which of them each row has. Raises ValueError with the row that has none."""
    column = batch.column(name)
    if column.null_count:
        raise ValueError(f"row {_first(column.is_null(), first)} has no {name}")
    return column.dictionary.to_pylist(), column.indices.to_numpy()


def _codes(
    column: _Words, name: str, words: Sequence[str], first: int, rows: _Rows = slice(None)
) -> NDArray[np.int32]:
    """Return a column's words, of some rows, as codes. Raises ValueError with the row of one that is unknown."""
    held, indices = column
    place = {word: code for code, word in enumerate(words)}
    lookup = np.array([place.get(word, -1) for word in held] or [-1], np.int32)
    chosen = indices[rows]
    is_as_held = lookup.tolist() == list(range(len(lookup)))
    codes: NDArray[np.int32] = chosen if is_as_held else lookup.take(chosen)
    if len(codes) and codes.min() < 0:
        row = int(np.arange(len(indices))[rows][np.argmax(codes < 0)])
        raise ValueError(f"row {first + row + 1} has an unknown {name}")
    return codes


def _first(mask: Any, first: int) -> int:
    return first + int(np.argmax(mask.to_numpy(zero_copy_only=False))) + 1


def _joined(parts: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *parts]).astype(kind, copy=False)


def _encoded(parts: Sequence[tuple[NDArray[Any], Sequence[str]]]) -> Any:
    """Return one dictionary array of parts whose codes count in names of their own."""
    import pyarrow as pa  # noqa: PLC0415  # see write_samples

    words = list(dict.fromkeys(word for _, names in parts for word in names))
    place = {word: code for code, word in enumerate(words)}
    codes = [np.array([place[word] for word in names], np.int32)[part] for part, names in parts if len(part)]
    return pa.DictionaryArray.from_arrays(numbers(_joined(codes, np.int32)), texts(words))
