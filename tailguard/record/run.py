"""A run on disk, the hinge between measuring and judging: a folder with run.json and samples.parquet."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tailguard.base.secrets import mask
from tailguard.config.merge import Config
from tailguard.record.files import (
    LATEST,
    PART,
    RECORD,
    find_run,
    point_latest,
    saving,
    sha256_of,
    stage,
    stage_text,
    unstage,
)
from tailguard.record.run_json import empty_record, read_record, record_text, utc
from tailguard.record.samples import Samples
from tailguard.record.samples.parquet import read_frame, read_samples, write_samples

if TYPE_CHECKING:
    import pandas as pd

SAMPLES, LIVE = "samples.parquet", "live.parquet"  # of the scenarios; of a proof's clients


@dataclass(slots=True)
class Run:
    """`record` is what run.json holds (docs/architecture.md); `save` may be called after each scenario."""

    folder: Path
    record: dict[str, Any] = field(repr=False)
    _samples: dict[str, Samples] = field(default_factory=dict, repr=False)
    _unsaved: bool = field(
        default=False, repr=False
    )  # whether `_samples` holds what samples.parquet does not

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
        run = cls(folder, empty_record(config, identity, created))
        run.record["command"] = [mask(word) for word in command]
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
        folder = find_run(where, Path(runs_dir))
        return cls(folder, read_record(folder))

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

    def frame(self) -> "pd.DataFrame":
        """Return the saved samples as one table: scenario, step, *_ns, outcome, error, retries."""
        return read_frame(self.samples_path)

    def add_scenario(self, slug: str, entry: Mapping[str, Any], samples: Samples) -> None:
        """Take what one scenario has measured so far, in place of what was there; `save` writes it."""
        self.record["scenarios"][slug] = dict(entry)
        self._samples[slug] = samples
        self._unsaved = True

    def write_plan(self, name: str, plan: Any) -> str:
        """Write one EXPLAIN document to plans/<name>.json and return that path, relative to the folder."""
        path = self.folder / "plans" / f"{name}.json"
        with saving(self.folder):
            path.parent.mkdir(exist_ok=True)
            unstage(stage_text(path, json.dumps(plan, ensure_ascii=False, indent=1) + "\n"))
        return str(path.relative_to(self.folder))

    def write_live(self, samples: Mapping[str, Samples]) -> None:
        """Write what the clients of proofs under load sent, in place of what was there; `save` takes its hash."""
        with saving(self.folder):
            with stage(self.folder / LIVE) as path:
                write_samples(path, samples)
            unstage(path)

    def finish(self, incomplete_because: str | None = None) -> None:
        """Close the run as complete, or as incomplete with the cause, and save it."""
        self.record["finished_utc"] = utc(datetime.now(UTC))
        self.record["complete"] = incomplete_because is None
        self.record["incomplete_because"] = incomplete_because
        self.save()

    def save(self) -> None:
        """Write samples and record, each whole or not at all; where that fails, UsageError and the old stay."""
        with saving(self.folder):
            staged = [self._stage_samples()] if self._unsaved else []
            self.record["files"] = self._hashes(*staged)
            text = record_text(self.record)
            # Both are on the disk before either takes its name: a kill between the two is next to impossible.
            unstage(*staged, stage_text(self.folder / RECORD, text))
            self._unsaved = False

    def _stage_samples(self) -> Path:
        with stage(self.samples_path) as path:
            write_samples(path, self._samples)
        return path

    def _hashes(self, *staged: Path) -> dict[str, str]:
        """Return the SHA-256 of each raw file, of a staged one under the name that it is about to take."""
        paths = [self.samples_path, self.folder / LIVE, *self.folder.glob("plans/*.json")]
        files = {path.relative_to(self.folder).as_posix(): path for path in sorted(paths) if path.exists()}
        files |= {path.name.removesuffix(PART): path for path in staged}
        return {name: sha256_of(path) for name, path in files.items()}
