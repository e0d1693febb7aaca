"""A run on disk, the hinge between measuring and judging: a folder with run.json and samples.parquet."""

import json
import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perf.config import Config
from perf.errors import UsageError
from perf.run_files import LATEST, PART, point_latest, saving, sha256_of, stage, stage_text, unstage
from perf.sample import Samples
from perf.sample_file import read_samples, write_samples
from perf.secrets import mask_all

if TYPE_CHECKING:
    import pandas  # a third of a second that commands without a table need not wait for

SCHEMA = 1  # moves when a reader of the old run.json would misread the new one
RECORD, SAMPLES = "run.json", "samples.parquet"


@dataclass(slots=True)
class Run:
    """`record` is what run.json holds (docs/architecture.md); `save` may be called after each scenario."""

    folder: Path
    record: dict[str, Any]
    _samples: dict[str, Samples] = field(default_factory=dict)

    @classmethod
    def start(
        cls,
        config: Config,
        *,
        command: Sequence[str] = (),
        environment: Mapping[str, Any] | None = None,
        faults: Sequence[str] = (),
        objectives: Mapping[str, Any] | None = None,
    ) -> "Run":
        """Make the folder `runs/<UTC stamp>-<id>/`, save the empty run there and let `latest` point to it.

        Raises UsageError naming the folder where it cannot be written.
        """
        created, identity = datetime.now(UTC), secrets.token_hex(3)
        folder = Path(config.get("runs_dir")) / f"{created:%Y%m%dT%H%M%SZ}-{identity}"
        with saving(folder):
            folder.mkdir(parents=True)
        run = cls(folder, _empty_record(config, identity, created))
        run.record["command"] = list(command)
        run.record["environment"] = dict(environment or {})
        run.record["platform"]["faults"] = list(faults)
        run.record["objectives"] = dict(objectives or {})
        run.save()
        with saving(folder):
            point_latest(folder)
        return run

    @classmethod
    def load(cls, where: str | Path = LATEST, runs_dir: str | Path = "runs") -> "Run":
        """Open a run by folder, run.json, id or `latest`; raise UsageError where it is none or broken."""
        folder = _find(where, Path(runs_dir))
        record = _read_record(folder / RECORD)
        if record.get("schema") != SCHEMA:
            raise UsageError(
                f"{folder / RECORD} has schema {record.get('schema')!r}; this Tailguard reads {SCHEMA}."
                " Open it with the version that wrote it, or measure again."
            )
        return cls(folder, record)

    @property
    def complete(self) -> bool:
        """Whether all that was asked for was measured."""
        return bool(self.record["complete"])

    @property
    def samples_path(self) -> Path:
        """Where the raw samples lie."""
        return self.folder / SAMPLES

    def samples(self) -> dict[str, Samples]:
        """Return the samples of each scenario; raise UsageError where the file is missing or broken."""
        if not self._samples:
            self._samples = read_samples(self.samples_path)
        return dict(self._samples)

    def frame(self) -> "pandas.DataFrame":
        """Return all samples as one table: scenario, step, *_ns, outcome, error, retries."""
        import pandas  # noqa: PLC0415  # late, see above

        table: pandas.DataFrame = pandas.concat(
            [samples.frame() for samples in self.samples().values()], ignore_index=True
        )
        return table

    def add_scenario(self, slug: str, entry: Mapping[str, Any], samples: Samples) -> None:
        """Take what one scenario has measured so far, in place of what was there; `save` writes it."""
        self.record["scenarios"][slug] = dict(entry)
        self._samples[slug] = samples

    def write_plan(self, name: str, plan: Any) -> str:
        """Write one EXPLAIN document to plans/<name>.json and return that path, relative to the folder."""
        path = self.folder / "plans" / f"{name}.json"
        with saving(self.folder):
            path.parent.mkdir(exist_ok=True)
            unstage(stage_text(path, json.dumps(plan, ensure_ascii=False, indent=1) + "\n"))
        return str(path.relative_to(self.folder))

    def finish(self, incomplete_because: str | None = None) -> None:
        """Close the run as complete, or as incomplete with the cause, and save it."""
        self.record["finished_utc"] = _utc(datetime.now(UTC))
        self.record["complete"] = incomplete_because is None
        self.record["incomplete_because"] = incomplete_because
        self.save()

    def save(self) -> None:
        """Write samples and record, each whole or not at all; where that fails, UsageError and the old stay."""
        with saving(self.folder):
            staged = [self._stage_samples()] if self._samples else []
            self.record["files"] = self._hashes([*staged, self.samples_path])
            text = json.dumps(_plain(mask_all(self.record)), ensure_ascii=False, indent=1)
            # Both are on the disk before either takes its name: a kill between the two is next to impossible.
            unstage(*staged, stage_text(self.folder / RECORD, text + "\n"))

    def _stage_samples(self) -> Path:
        with stage(self.samples_path) as path:
            write_samples(path, self._samples)
        return path

    def _hashes(self, candidates: Sequence[Path]) -> dict[str, str]:
        files = {path.name.removesuffix(PART): path for path in candidates[:1] if path.exists()}
        files |= {f"plans/{path.name}": path for path in sorted(self.folder.glob("plans/*.json"))}
        return {name: sha256_of(path) for name, path in files.items()}


def _empty_record(config: Config, identity: str, created: datetime) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "id": identity,
        "created_utc": _utc(created),
        "finished_utc": None,
        "command": [],
        "profile": config.profile,
        "seed": config.get("seed"),
        "complete": False,
        "incomplete_because": "the run has not ended",
        "config": config.frozen(),
        "config_sha256": config.sha256,
        "environment": {},
        "platform": {"adapter": config.get("platform"), "faults": []},
        "scenarios": {},
        "objectives": {},
        "verdicts": [],
        "doubts": [],
        "migrations": [],
        "files": {},
    }


def _find(where: str | Path, runs_dir: Path) -> Path:
    path = Path(where)
    if str(where) == LATEST and not path.exists():
        path = _newest(runs_dir)
    elif not path.exists() and re.fullmatch(r"[0-9a-f]{6}", str(where)):
        path = next(runs_dir.glob(f"*-{where}"), path)
    if path.name == RECORD:
        path = path.parent
    if path.is_file():  # `latest` as a file that names the folder, where links cannot be made
        path = path.parent / path.read_text(encoding="utf-8").strip()
    if not (path / RECORD).is_file():
        raise UsageError(
            f"{where} is no run: {path / RECORD} does not exist."
            " Give a run's folder, its run.json, its id or `latest`."
        )
    return path.resolve()


def _newest(runs_dir: Path) -> Path:
    linked = runs_dir / LATEST
    if linked.exists():
        return linked
    records = sorted(
        runs_dir.glob(f"*/{RECORD}")
    )  # the stamp sorts; `latest` may point to a run that was deleted
    if not records:
        raise UsageError(f"There is no run in {runs_dir} yet. Make one with `tailguard run`.")
    return records[-1].parent


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:  # JSON and UTF-8 errors alike
        raise UsageError(f"{path} is broken: {error}. Measure again, or restore the file.") from error
    if not isinstance(record, dict):
        raise UsageError(f"{path} is broken: it holds no JSON object. Measure again, or restore the file.")
    return record


def _plain(value: Any) -> Any:
    """Return `value` as JSON knows it: numpy's numbers and arrays as Python's, NaN and infinities as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)


def _utc(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")
