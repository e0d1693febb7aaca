"""Runs over time: one row per metric per run, kept in a Parquet file that CI can carry from job to job."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.reading.regular_file import why_not_a_file
from tailguard.compare.run_metrics import metrics
from tailguard.record.environment import Environment
from tailguard.record.files import write_file
from tailguard.record.run import Run
from tailguard.record.run_json import OtherSchemaError
from tailguard.record.run_record import RunRecord

NAME = "history.parquet"
KEY = ["run", "scenario", "step", "name"]
COLUMNS = [
    "run", "created_utc", "commit", "machine", "kind", "profile", "config_sha256",
    "scenario", "step", "name", "unit", "value", "low", "high", "n", "limit", "state",
]  # fmt: skip
NUMBERS = ["value", "low", "high", "n", "limit"]  # the others are texts
# What the runs of a series have in common: numbers of another machine or under faults are not its neighbours.
CONDITIONS = ["machine", "kind", "config_sha256"]


def read_history(path: Path) -> pd.DataFrame:
    """Return the history, empty if there is no file yet. Raises UsageError for a file that is not a history."""
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    try:
        if why := why_not_a_file(path):
            raise UsageError(f"Cannot read {path}: {why}.")
        table = pd.read_parquet(BytesIO(path.read_bytes()))  # pyarrow refuses a name that is not UTF-8
    except (OSError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise UsageError(f"{path} is not a history: {reason}. Move it away, or import a good one.") from error
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise UsageError(
            f"{path} is not a history of this version: it lacks {', '.join(missing)}. Move it away."
        )
    if wrong := next(_columns_of_other_types(table), None):
        raise UsageError(f"{path} is not a history: its column {wrong} holds something else. Move it away.")
    return table[COLUMNS]


def _columns_of_other_types(table: pd.DataFrame) -> Iterator[str]:
    for name in COLUMNS:
        values = table[name].dropna()
        kind = (int, float) if name in NUMBERS else str
        if not values.map(lambda value, kind=kind: isinstance(value, kind)).all():
            yield name
    if pd.to_datetime(table["created_utc"], format="ISO8601", errors="coerce", utc=True).isna().any():
        yield "created_utc"


def merged(*tables: pd.DataFrame) -> pd.DataFrame:
    """Return all rows in order of time; of rows that are there twice the last table's."""
    filled = [table for table in tables if len(table)]
    if not filled:
        return pd.DataFrame(columns=COLUMNS)
    whole = pd.concat(filled, ignore_index=True).drop_duplicates(KEY, keep="last")
    return whole.sort_values(["created_utc", *KEY], ignore_index=True)


def write_history(path: Path, table: pd.DataFrame) -> None:
    """Write the history whole or not at all; raises UsageError if it cannot be written."""
    with suppress(OSError):  # writing says it better
        path.parent.mkdir(parents=True, exist_ok=True)
    content = BytesIO()
    table.to_parquet(content, index=False)
    write_file(path, content.getvalue())


def rows_of(run: Run) -> pd.DataFrame:
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
    return pd.DataFrame([about | asdict(metric) for metric in metrics(record)], columns=COLUMNS)


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """The runs that a history takes in, oldest first, and how many were left out for their older or newer schema."""

    runs: tuple[Run, ...]
    of_other_schemas: int


def finished_runs(runs_dir: Path, known: Iterable[str]) -> FoundRuns:
    """Return the whole runs of a folder that are not known yet; a duet is not a point of a history, nor is a proof."""
    seen = set(known)
    found: list[Run] = []
    others = 0
    for path in sorted(runs_dir.glob("*/run.json")):
        if path.parent.is_symlink():
            continue
        try:
            run = Run.load(path.parent)
        except OtherSchemaError:
            others += 1
            continue
        except TailguardError:  # broken: `verify` says so
            continue
        measured = run.complete and run.record.scenarios and run.record.duet is None
        if measured and run.record.id not in seen:
            found.append(run)
    return FoundRuns(tuple(found), others)


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
