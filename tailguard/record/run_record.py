"""The record of a run: what run.json holds. Parts are returned by those who measure and assembled in one place."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from tailguard.base.errors import InterruptedRunError
from tailguard.base.state import State, worst
from tailguard.record.bench import Bench
from tailguard.record.chaos import Chaos
from tailguard.record.ddl import DdlProof, DdlStep
from tailguard.record.doubt import Doubt
from tailguard.record.duet import Duet
from tailguard.record.environment import Environment
from tailguard.record.locust import Locust
from tailguard.record.migration import MigrationEntry
from tailguard.record.objective import Objectives
from tailguard.record.part import Count, Document, Part, Positive, Sha256, Utc
from tailguard.record.scenario import Invariant, ScenarioEntry
from tailguard.record.shadow import Shadow
from tailguard.record.soak import Soak
from tailguard.record.verdict import ProofVerdict, Verdict

# The commands whose runs are played again.
REPRODUCED = frozenset({("tailguard", "run"), ("tailguard", "reproduce")})


class Ended(StrEnum):
    """How a run ended. One that was killed stays RUNNING."""

    RUNNING = "running"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    BROKE_OFF = "broke off"


class Platform(Part, frozen=True, kw_only=True):
    """What was measured: the adapter that reached it, the faults that it was given, its address if it has one."""

    adapter: str
    faults: tuple[str, ...] = ()
    host: str = ""


class PlayedSuite(Part, frozen=True, kw_only=True):
    """Which suite a run played: `file`, in the folder of the measured code, describes it and need not exist.

    `scenarios` are its folders and files of scenarios, `asked` those that alone were meant, each with an optional
    `::scenario`; none means all.
    """

    file: str
    scenarios: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


class Override(Part, frozen=True, kw_only=True):
    """An order that a run under way was given.

    It was obeyed before iteration `iteration` of `scenario`, at `at_ns` on the clock of the samples and `offset_ns` of
    the scenario's schedule. A `rate` and a `stop` have one for each scenario that they changed.
    """

    order: Literal["rate", "pause", "resume", "stop"]
    scenario: str
    iteration: Count
    offset_ns: Count
    at_ns: int
    at_utc: Utc
    rate_per_s: Positive | None = None

    def __str__(self) -> str:
        """Say it as a reader does."""
        rate = "" if self.rate_per_s is None else f" {self.rate_per_s:g}/s"
        return f"{self.order}{rate} from iteration {self.iteration} of {self.scenario} on"


class PreviousRun(Part, frozen=True, kw_only=True):
    """The run that was the newest finished one of its folder when another began, and its record's hash."""

    id: str
    sha256: Sha256


class RunRecord(Part, frozen=True, kw_only=True):
    """A run. Parts that only some kinds of run have are None elsewhere.

    `config` are the merged values as nested tables, secrets masked, and `config_sha256` the hash of their canonical
    JSON. `because` says why a run broke off. `overrides` is None if the run took no orders. `previous` is None if no
    run of the folder had ended before. `files` are the SHA-256 hashes of its raw files, by their path in its folder;
    `sha256` is that of the rest of run.json, filled in by `save`. `exit_code` is None until it has ended.
    """

    schema: Literal[2] = 2
    id: str
    created_utc: Utc
    finished_utc: Utc | None = None
    command: tuple[str, ...]
    profile: str
    seed: Count
    ended: Ended = Ended.RUNNING
    because: str | None = None
    exit_code: Count | None = None
    config: Document
    config_sha256: Sha256
    environment: Environment
    suite: PlayedSuite | None = None
    platform: Platform
    objectives: Objectives | None = None
    scenarios: Mapping[str, ScenarioEntry] = {}
    verdicts: tuple[Verdict, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    migrations: tuple[MigrationEntry, ...] = ()
    chaos: Chaos | None = None
    overrides: tuple[Override, ...] | None = None
    duet: Duet | None = None
    locust: Locust | None = None
    bench: Bench | None = None
    ddl: DdlProof | None = None
    soak: Soak | None = None
    shadow: Shadow | None = None
    previous: PreviousRun | None = None
    files: Mapping[str, Sha256] = {}
    sha256: str = ""

    @property
    def complete(self) -> bool:
        """Whether all that was asked for was measured."""
        return self.ended is Ended.COMPLETE

    @property
    def is_reproducible(self) -> bool:
        """Whether `tailguard reproduce` plays it again."""
        return self.command[:2] in REPRODUCED and self.suite is not None and self.objectives is not None

    @property
    def why_incomplete(self) -> str:
        """Why it is not complete, in words; "" if it is."""
        match self.ended:
            case Ended.COMPLETE:
                return ""
            case Ended.INTERRUPTED:
                return "interrupted by the user"
            case Ended.RUNNING:
                return "the run has not ended"
            case Ended.BROKE_OFF:
                return self.because or "no reason was recorded"

    @property
    def invariants(self) -> tuple[Invariant, ...]:
        """Those of all scenarios."""
        of_soak = self.soak.invariants if self.soak is not None else ()
        return (*of_soak, *(each for entry in self.scenarios.values() for each in entry.invariants))

    @property
    def state(self) -> State:
        """The worst verdict; INVALID if the run is incomplete, was not judged, or an invariant broke."""
        if not self.complete or not all(each.held for each in self.invariants):
            return State.INVALID
        return worst(verdict.state for verdict in self.verdicts)

    @property
    def deserved_exit_code(self) -> int:
        """The exit code that follows from the rest of the record."""
        return InterruptedRunError.exit_code if self.ended is Ended.INTERRUPTED else self.state.exit_code

    def asked_of(self, migration: MigrationEntry | DdlStep) -> tuple[ProofVerdict, ...]:
        """Return the verdicts of one migration's proof, or of one step of a SQL file's."""
        return tuple(
            each
            for each in self.verdicts
            if isinstance(each, ProofVerdict) and each.migration == migration.number
        )
