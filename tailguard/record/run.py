"""A run on disk, the hinge between measuring and judging: a folder with run.json and samples.parquet."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tailguard.base.errors import TailguardError
from tailguard.base.secrets import mask, remember
from tailguard.base.text_format import utc
from tailguard.config.merge import Config
from tailguard.config.suite_table import SuiteTable
from tailguard.record.bench import Bench
from tailguard.record.chaos import Chaos
from tailguard.record.ddl import DdlProof
from tailguard.record.doubt import Doubt
from tailguard.record.duet import Calibration, Duet
from tailguard.record.environment import Environment
from tailguard.record.files import (
    LATEST,
    RECORD,
    REMEDY,
    BrokenRunError,
    find_run,
    point_latest,
    saving,
    sha256_of,
    stage,
    staging,
    unstage,
    write_raw,
)
from tailguard.record.locust import Locust
from tailguard.record.migration import MigrationEntry
from tailguard.record.objective import Objectives
from tailguard.record.part import Document
from tailguard.record.run_json import read_record, record_text
from tailguard.record.run_record import Ended, Override, Platform, PlayedSuite, PreviousRun, RunRecord
from tailguard.record.samples import Samples
from tailguard.record.samples.parquet import read_frame, read_samples, write_samples
from tailguard.record.scenario import DatabaseTime, Invariant, ScenarioEntry
from tailguard.record.shadow import Shadow
from tailguard.record.shadow.answers import ANSWERS, Answers, write_answers
from tailguard.record.soak import Soak
from tailguard.record.soak.segments import SOAK_FILES
from tailguard.record.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

SAMPLES, LIVE = "samples.parquet", "live.parquet"  # of the scenarios; of a proof's clients
# The raw files that may be there besides: EXPLAIN's documents, what each side of a duet measured, a soak's.
MORE_FILES = ("plans/*.json", "blocks/*.parquet", ANSWERS, *SOAK_FILES)


def new_id() -> str:
    """Return an identity for a run that is about to be."""
    return secrets.token_hex(3)


def _played(suite: SuiteTable | None) -> PlayedSuite | None:
    if suite is None:
        return None
    return PlayedSuite(file=suite.file.name, scenarios=suite.scenarios, asked=suite.asked)


def _newest_finished(runs_dir: Path) -> PreviousRun | None:
    """The newest run, if it has ended: one that goes on has no hash yet."""
    try:
        found = read_record(find_run(LATEST, runs_dir) / RECORD)
    except TailguardError:
        return None
    return PreviousRun(id=found.id, sha256=found.sha256) if found.exit_code is not None else None


@dataclass(slots=True)
class Run:
    """`record` is what run.json holds. A `put_...` takes a part in place of what was there; `save` writes it all."""

    folder: Path
    record: RunRecord = field(repr=False)
    _samples: dict[str, Samples] = field(default_factory=dict, repr=False)
    _unsaved: bool = field(
        default=False, repr=False
    )  # whether `_samples` holds what samples.parquet does not

    @classmethod
    def start(
        cls,
        config: Config,
        *,
        environment: Environment,
        command: Sequence[str] = (),
        identity: str = "",
        platform: Platform | None = None,
        objectives: Objectives | None = None,
    ) -> "Run":
        """Make the folder `runs/<UTC stamp>-<id>/`, save the empty run there and let `latest` point to it.

        `identity` is what `new_id` returned, if it was needed before. Raises UsageError naming the folder if it cannot
        be written.
        """
        remember(*command)
        created, identity = datetime.now(UTC), identity or new_id()
        folder = Path(config.runs_dir) / f"{created:%Y%m%dT%H%M%SZ}-{identity}"
        with saving(folder):
            folder.mkdir(parents=True)
        record = RunRecord(
            id=identity,
            created_utc=utc(created),
            command=tuple(mask(word) for word in command),
            profile=config.profile,
            seed=config.seed,
            config=Document(config.frozen()),
            config_sha256=config.sha256,
            environment=environment,
            suite=_played(config.suite),
            platform=platform or Platform(adapter=config.platform),
            objectives=objectives,
            previous=_newest_finished(folder.parent),
        )
        run = cls(folder, record)
        run.save()
        with saving(folder):
            point_latest(folder)
        return run

    @classmethod
    def load(cls, where: str | Path = LATEST, runs_dir: str | Path = "runs") -> "Run":
        """Open a run by folder, run.json, id or `latest`; raise UsageError if it is not a run or is broken."""
        folder = find_run(where, Path(runs_dir))
        return cls(folder, read_record(folder / RECORD))

    @property
    def complete(self) -> bool:
        """Whether all that was asked for was measured."""
        return self.record.complete

    @property
    def samples_path(self) -> Path:
        """Where the raw samples lie."""
        return self.folder / SAMPLES

    def samples(self) -> dict[str, Samples]:
        """Return the samples of each scenario; raise UsageError if the file is missing or broken."""
        if not self._samples:
            self._samples = read_samples(self.samples_path)
        return dict(self._samples)

    def frame(self) -> "pd.DataFrame":
        """Return the saved samples as one table: scenario, step, *_ns, outcome, error, retries."""
        return read_frame(self.samples_path)

    def raw_files(self) -> dict[str, Path]:
        """Return the raw files that are there, by their path in the folder."""
        more = [path for pattern in MORE_FILES for path in self.folder.glob(pattern)]
        paths = [path for path in (self.samples_path, self.folder / LIVE, *sorted(more)) if path.exists()]
        return {path.relative_to(self.folder).as_posix(): path for path in paths}

    def raw_file(self, name: str) -> Path:
        """Return the raw file that the record calls so; raise BrokenRunError if the folder has none of that name.

        A name from a record is data: it never leads out of the folder.
        """
        found = self.raw_files().get(name)
        if found is None:
            raise BrokenRunError(f"{self.folder} has no raw file {name!r}. {REMEDY}")
        return found

    def live_samples(self) -> dict[str, Samples]:
        """Return what the clients of proofs under load sent, by window; nothing if there was no such proof.

        Raises UsageError if the file is broken.
        """
        path = self.folder / LIVE
        return read_samples(path) if path.exists() else {}

    def add_scenario(self, slug: str, entry: ScenarioEntry, samples: Samples) -> None:
        """Take what one scenario has measured so far, in place of what was there; `save` writes it."""
        self._put(scenarios={**self.record.scenarios, slug: entry})
        self._samples[slug] = samples
        self._unsaved = True

    def order_scenarios(self, slugs: Iterable[str]) -> None:
        """Let the scenarios stand in this order, whichever of them was done first."""
        self._put(scenarios={slug: self.record.scenarios[slug] for slug in slugs})

    def put_invariants(self, slug: str, invariants: Sequence[Invariant]) -> None:
        """Take what held of a scenario and what did not."""
        self._put_in_scenario(slug, invariants=tuple(invariants))

    def put_counters(self, slug: str, counters: Mapping[str, int]) -> None:
        """Take the counters of the platform's own parts, after a scenario."""
        self._put_in_scenario(slug, counters=dict(counters))

    def put_database(self, slug: str, time: DatabaseTime) -> None:
        """Take where the server's time went in a scenario."""
        self._put_in_scenario(slug, database=time)

    def put_environment(self, environment: Environment) -> None:
        self._put(environment=environment)

    def put_platform(self, platform: Platform) -> None:
        self._put(platform=platform)

    def put_doubts(self, doubts: Sequence[Doubt]) -> None:
        self._put(doubts=tuple(doubts))

    def put_migrations(self, entries: Sequence[MigrationEntry]) -> None:
        self._put(migrations=tuple(entries))

    def put_chaos(self, chaos: Chaos) -> None:
        self._put(chaos=chaos)

    def put_overrides(self, overrides: Sequence[Override]) -> None:
        self._put(overrides=tuple(overrides))

    def put_duet(self, duet: Duet) -> None:
        self._put(duet=duet)

    def put_calibration(self, calibration: Calibration | None) -> None:
        """Take how the gate of a duet was put to the test on this machine, if it was."""
        assert self.record.duet is not None
        self._put(duet=msgspec.structs.replace(self.record.duet, calibration=calibration))

    def put_locust(self, locust: Locust) -> None:
        self._put(locust=locust)

    def put_bench(self, bench: Bench) -> None:
        self._put(bench=bench)

    def put_ddl(self, ddl: DdlProof) -> None:
        self._put(ddl=ddl)

    def put_soak(self, soak: Soak) -> None:
        self._put(soak=soak)

    def put_shadow(self, shadow: Shadow) -> None:
        self._put(shadow=shadow)

    def put_verdicts(self, verdicts: Sequence[Verdict], objectives: Objectives | None = None) -> None:
        """Take the verdicts and, if the run was judged by others than those it started with, the objectives."""
        self._put(verdicts=tuple(verdicts), objectives=objectives or self.record.objectives)

    def put_exit_code(self, code: int) -> None:
        """Take what the command ends with."""
        self._put(exit_code=code)

    def write_live(self, samples: Mapping[str, Samples]) -> None:
        """Write what the clients of proofs under load sent, in place of what was there; `save` takes its hash."""
        write_raw(self.folder / LIVE, lambda file: write_samples(file, samples))

    def write_answers(self, answers: Answers) -> None:
        """Write the compared answers of a shadow run; `save` takes the file's hash."""
        write_raw(self.folder / ANSWERS, lambda file: write_answers(file, answers))

    def finish(self, ended: Ended, because: str | None = None) -> None:
        """Say how the run ended and, if it broke off, why; save it. An interrupted one has its exit code at once."""
        self._put(finished_utc=utc(datetime.now(UTC)), ended=ended, because=because)
        if ended is Ended.INTERRUPTED:  # there may be no time to judge it
            self.put_exit_code(self.record.deserved_exit_code)
        self.save()

    def go_on(self) -> None:
        """Take back that the run has ended; save it."""
        self._put(finished_utc=None, ended=Ended.RUNNING, exit_code=None)
        self.save()

    def save(self) -> None:
        """Write samples and record, each whole or not at all; if that fails, UsageError and the old stay."""
        with saving(self.folder):
            staged = [self._stage_samples()] if self._unsaved else []
            self._put(files=self._hashes(*staged))
            text = record_text(self.record)
            # Both are on the disk before either takes its name: a kill between the two is next to impossible.
            with stage(self.folder / RECORD) as file:
                file.write(text)
            unstage(*staged, self.folder / RECORD)
            self._unsaved = False

    def _put(self, **parts: object) -> None:
        self.record = msgspec.structs.replace(self.record, **parts)

    def _put_in_scenario(self, slug: str, **parts: object) -> None:
        entry = msgspec.structs.replace(self.record.scenarios[slug], **parts)
        self._put(scenarios={**self.record.scenarios, slug: entry})

    def _stage_samples(self) -> Path:
        with stage(self.samples_path) as file:
            write_samples(file, self._samples)
        return self.samples_path

    def _hashes(self, *staged: Path) -> dict[str, str]:
        """Return the SHA-256 of each raw file, of those that are `staged` as they are about to be."""
        files = self.raw_files() | {path.name: staging(path) for path in staged}
        return {name: sha256_of(path) for name, path in files.items()}
