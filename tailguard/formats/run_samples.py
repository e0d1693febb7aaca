"""What `gate` compares: runs on disk and latency files of any tool, each one sample of a side."""

import re
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.compare.comparison import error_rate
from tailguard.compare.run_sample import FILE_SCENARIO, FILE_STEP, RunSample
from tailguard.formats.read_latencies import read_latencies
from tailguard.record.files import LATEST, RECORD
from tailguard.record.run import Run

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ID = re.compile(r"[0-9a-f]{6}")


def find_run_samples(spec: str, side: str, runs_dir: Path) -> list[RunSample]:
    """Return the runs that `spec` names, a comma between several: a run's folder, run.json, id or `latest`; a folder
    of runs (an artifact); a date (all runs of that UTC day in `runs_dir`); a file of latencies.

    Raises UsageError if there is none: a missing baseline is an error, never a silent skip.
    """
    found = [one for part in spec.split(",") if part.strip() for one in _of(part.strip(), side, runs_dir)]
    if not found:
        raise UsageError(
            f"The {side} {spec!r} names no run. Give a run's folder, id, date, `latest` or a file."
        )
    return found


def _of(spec: str, side: str, runs_dir: Path) -> list[RunSample]:
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
        values = read_latencies(path).values_ms
        return [RunSample(path.name, {(FILE_SCENARIO, FILE_STEP): values}, {})]
    if path.exists() or spec == LATEST or _ID.fullmatch(spec):
        return [_sample_of(Run.load(spec, runs_dir))]
    raise UsageError(
        f"The {side} {spec!r} does not exist. Give a run's folder, id, date, `latest` or a file; in CI, download the"
        " artifact of the baseline first."
    )


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
    rates = {slug: error_rate(part) for slug, part in samples.items()}
    return RunSample(run.record.id, latencies, rates, run.record)
