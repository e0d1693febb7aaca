"""What `gate` compares: runs on disk and latency files of any tool, each one sample of a side."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.compare.pairs import failure_rate
from tailguard.compare.run_comparison import FILE_SCENARIO, FILE_STEP, RunSample
from tailguard.config.option import did_you_mean
from tailguard.formats.checked import Counted, Latencies
from tailguard.formats.content import Options
from tailguard.formats.judged import EVERY
from tailguard.formats.read_latencies import naming, read_latencies
from tailguard.record.files import LATEST, RECORD
from tailguard.record.run import Run

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ID = re.compile(r"[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What the user says of files: how they are read, and which name in them is meant; "" compares each."""

    options: Options = field(default_factory=Options)
    name: str = ""


def find_run_samples(
    spec: str, side: str, runs_dir: Path, files: FileOptions | None = None
) -> list[RunSample]:
    """Return the runs that `spec` names, a comma between several: a run's folder, run.json, id or `latest`; a folder
    of runs (an artifact); a date (all runs of that UTC day in `runs_dir`); a file of latencies.

    Raises UsageError if there is none: a missing baseline is an error, never a silent skip.
    """
    said = files or FileOptions()
    parts = [part.strip() for part in spec.split(",") if part.strip()]
    found = [one for part in parts for one in _of(part, side, runs_dir, said)]
    if not found:
        raise UsageError(
            f"The {side} {spec!r} names no run. Give a run's folder, id, date, `latest` or a file."
        )
    return found


def _of(spec: str, side: str, runs_dir: Path, files: FileOptions) -> list[RunSample]:
    path = Path(spec)
    if _DATE.fullmatch(spec):
        return _all(
            sorted(runs_dir.glob(f"{spec.replace('-', '')}T*/{RECORD}")),
            f"the {side}: of {spec} in {runs_dir}",
        )
    if path.is_dir() and not (path / RECORD).is_file():
        return _all(
            sorted([*path.glob(f"*/{RECORD}"), *path.glob(f"*/*/{RECORD}")]), f"the {side}: in {path}"
        )
    if path.is_file() and path.name not in {RECORD, LATEST}:
        return [_sample_of_file(path, files)]
    if path.exists() or spec == LATEST or _ID.fullmatch(spec) or (runs_dir / spec / RECORD).is_file():
        return [_sample_of(Run.load(spec, runs_dir))]
    raise UsageError(
        f"The {side} {spec!r} does not exist. Give a run's folder, id, date, `latest` or a file; in CI, download the"
        " artifact of the baseline first."
    )


def _sample_of_file(path: Path, files: FileOptions) -> RunSample:
    """Each name is a metric of its own; the errors are those of all that are compared."""
    found = read_latencies(path, files.options)
    with naming(path):
        if isinstance(found, Counted):
            raise UsageError("a histogram has lost its samples; the gate compares samples")
        compared = _compared(found, files.name)
    populations = {label: found.of(label) for label in compared}
    latencies = {
        (FILE_SCENARIO, label or FILE_STEP): population.ok_ms for label, population in populations.items()
    }
    requests = sum(population.requests for population in populations.values())
    failures = sum(population.failures for population in populations.values())
    rates = {} if found.failed is None or not requests else {FILE_SCENARIO: failures / requests}
    return RunSample(path.name, latencies, rates)


def _compared(found: Latencies, name: str) -> list[str | None]:
    """Return the names that are compared; None stands for all together."""
    if name == EVERY or len(found.labels) <= 1:
        return [None]
    if not name:
        return list(found.labels)
    if name not in found.labels:
        raise UsageError(f"it has no requests named {name!r}.{did_you_mean(name, found.labels[:20])}")
    return [name]


def _all(records: list[Path], where: str) -> list[RunSample]:
    folders = {path.parent.resolve() for path in records}  # `latest` is a link to one of them
    if not folders:
        raise UsageError(f"There is no run to compare with, {where}. Make one with `tailguard run`.")
    return [_sample_of(Run.load(folder)) for folder in sorted(folders)]


def _sample_of(run: Run) -> RunSample:
    samples = run.samples() if run.record.scenarios else {}
    latencies = {
        (slug, step): part.response_ms(step) for slug, part in samples.items() for step in part.steps
    }
    rates = {slug: failure_rate(part) for slug, part in samples.items()}
    return RunSample(run.record.id, latencies, rates, run.record)
