"""Runs over time: one row per metric per run, kept in a Parquet file that CI can carry from job to job."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.reading.regular_file import why_not_a_file
from tailguard.compare.run_metrics import metrics
from tailguard.record.environment import Environment
from tailguard.record.files import RECORD, write_file
from tailguard.record.run import Run
from tailguard.record.run_json import OtherSchemaError
from tailguard.record.run_record import RunRecord
from tailguard.record.samples.arrow import numbers, texts, values

NAME = "history.parquet"
KEY = ("run", "scenario", "step", "name")
COLUMNS = (
    "run", "created_utc", "commit", "machine", "kind", "profile", "config_sha256",
    "scenario", "step", "name", "unit", "value", "low", "high", "n", "limit", "state",
)  # fmt: skip
NUMBERS = ("value", "low", "high", "n", "limit")
_TEXTS = tuple(name for name in COLUMNS if name not in NUMBERS)
SCHEMA = pa.schema([(name, pa.float64() if name in NUMBERS else pa.string()) for name in COLUMNS])
# What the runs of a series have in common: numbers of another machine or under faults are not its neighbours.
CONDITIONS = ("machine", "kind", "config_sha256")


def read_history(path: Path) -> pa.Table:
    """Return the history, empty if there is no file yet. Raises UsageError for a file that is not a history."""
    if not path.exists():
        return merged()
    try:
        if why := why_not_a_file(path):
            raise UsageError(f"Cannot read {path}: {why}.")
        table = pq.ParquetFile(BytesIO(path.read_bytes())).read()  # pyarrow refuses a name that is not UTF-8
    except (OSError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise UsageError(f"{path} is not a history: {reason}. Move it away, or import a good one.") from error
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise UsageError(
            f"{path} is not a history of this version: it lacks {', '.join(missing)}. Move it away."
        )
    if wrong := next(_columns_of_other_types(table), None):
        raise UsageError(f"{path} is not a history: its column {wrong} holds something else. Move it away.")
    whole, nothing = table.select(COLUMNS).cast(SCHEMA), numbers(np.full(len(table), np.nan))
    filled = [pc.coalesce(whole[name], nothing) if name in NUMBERS else whole[name] for name in COLUMNS]
    return pa.Table.from_arrays(filled, schema=SCHEMA)


def _columns_of_other_types(table: pa.Table) -> Iterator[str]:
    for name in COLUMNS:
        kind = table.schema.field(name).type
        if name in NUMBERS:  # a history may have no limit at all
            fits = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)
        else:
            fits = (pa.types.is_string(kind) or pa.types.is_large_string(kind)) and not table[name].null_count
        if not fits:
            yield name
    try:
        for created in table["created_utc"].unique().to_pylist():
            datetime.fromisoformat(created)
    except (TypeError, ValueError):
        yield "created_utc"


def merged(*tables: pa.Table) -> pa.Table:
    """Return all rows in order of time; of rows that are there twice the last table's."""
    whole = pa.concat_tables(
        [_table(dict.fromkeys(_TEXTS, ()), dict.fromkeys(NUMBERS, np.empty(0))), *tables]
    )
    key, created = codes_of(whole, KEY), codes_of(whole, ("created_utc",))
    _, last = np.unique(key[::-1], return_index=True)
    kept = len(key) - 1 - last
    return whole.take(numbers(kept[np.lexsort((key[kept], created[kept]))]))


def codes_of(table: pa.Table, names: Sequence[str]) -> NDArray[np.int64]:
    """Return a number per row, equal if its texts are, in the order of the first text, then the next."""
    codes = np.zeros(len(table), np.int64)
    for name in names:
        words, places = words_of(table, name)
        rank = np.argsort(np.argsort(words))
        codes = codes * len(words) + rank[places]
        if name is not names[-1]:
            codes = np.unique(codes, return_inverse=True)[1]  # small again, for the next one
    return codes


def words_of(table: pa.Table, name: str) -> tuple[NDArray[np.object_], NDArray[np.int32]]:
    """Return the texts that a column holds, each once, and which of them each row has."""
    encoded = table[name].combine_chunks().dictionary_encode()
    return np.array(encoded.dictionary.to_pylist(), object), values(encoded.indices)


def write_history(path: Path, table: pa.Table) -> None:
    """Write the history whole or not at all; raises UsageError if it cannot be written."""
    with suppress(OSError):  # writing says it better
        path.parent.mkdir(parents=True, exist_ok=True)
    content = BytesIO()
    pq.write_table(table, content)
    write_file(path, content.getvalue())


def rows_of(run: Run) -> pa.Table:
    """Return a finished run's rows."""
    record = run.record
    about = {
        "run": record.id,
        "created_utc": record.created_utc,
        "commit": record.environment.git.commit or "",
        "machine": machine_of(record.environment),
        "kind": kind_of(record),
        "profile": record.profile,
        "config_sha256": record.config_sha256,
    }
    found = list(metrics(record))
    return _table(
        {name: [about.get(name) or str(getattr(each, name, "")) for each in found] for name in _TEXTS},
        {name: np.array([getattr(each, name) for each in found], np.float64) for name in NUMBERS},
    )


def _table(words: Mapping[str, Sequence[str]], columns: Mapping[str, NDArray[np.float64]]) -> pa.Table:
    arrays = [numbers(columns[name]) if name in NUMBERS else texts(words[name]) for name in COLUMNS]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """The runs that a history takes in, oldest first, and how many were left out for their older or newer schema."""

    runs: tuple[Run, ...]
    of_other_schemas: int


def finished_runs(runs_dir: Path, known: Collection[str]) -> FoundRuns:
    """Return the whole runs of a folder that are not known yet; a duet is not a point of a history, nor is a proof.

    A folder is named by its run's id: what is known already is not read again.
    """
    found: list[Run] = []
    others = 0
    for folder in sorted(each for each in runs_dir.glob("*/") if _id_of(each) not in known):
        if folder.is_symlink() or not (folder / RECORD).exists():
            continue
        try:
            run = Run.load(folder)
        except OtherSchemaError:
            others += 1
            continue
        except TailguardError:  # broken: `verify` says so
            continue
        measured = run.complete and run.record.scenarios and run.record.duet is None
        if measured and run.record.id not in known:
            found.append(run)
    return FoundRuns(tuple(found), others)


def _id_of(folder: Path) -> str:
    return folder.name.rpartition("-")[2]


def machine_of(environment: Environment) -> str:
    """Return what makes two runs comparable by machine, in one line."""
    cpu, placement = environment.cpu, environment.placement
    memory_gib = round(environment.memory_bytes / 2**30)
    pinned = "pinned" if placement is not None and placement.pinned else "not pinned"
    return f"{cpu.model or 'unknown CPU'}, {cpu.logical or '?'} cores, {memory_gib} GiB, {pinned}"


def kind_of(record: RunRecord) -> str:
    """Return what was measured and under which faults, in one line."""
    faults = [*record.platform.faults, *(["chaos"] if record.chaos else [])]
    return ", ".join([record.platform.adapter, *(f"with fault {each}" for each in faults)])
