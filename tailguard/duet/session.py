"""One duet: sides, servers, blocks until it is decided, the record, the report and the exit code."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.output.streams import say
from tailguard.base.state import State
from tailguard.compare.claim import compare_sides
from tailguard.compare.comparison import ALPHA, compared_quantiles, decided
from tailguard.compare.gate import LOOKS, fewest_pairs
from tailguard.compare.gate_quality import gate_quality, noise_of
from tailguard.compare.gate_sentences import quality_sentence
from tailguard.compare.history import machine_of
from tailguard.config.merge import Config
from tailguard.config.suite_table import require_suite
from tailguard.duet.blocks import BlockError, BlockResult, Side, measure_block
from tailguard.duet.record import BLOCKS, describe_duet, doubts_of, keep_candidate, known_calibration
from tailguard.duet.servers import (
    ServerSide,
    TargetTable,
    check_servers,
    doubts_of_shared_parts,
    server_sides,
    target_in,
)
from tailguard.duet.shared_servers import NO_SERVERS, SharedServers, open_shared_servers
from tailguard.duet.side_spec import SideSpec
from tailguard.duet.sides import CodeSide, open_sides
from tailguard.duet.sources import commits_between
from tailguard.judge.objectives.configured import configured_margins
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.finish import finish
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.preparation import loads_of
from tailguard.pipeline.target import placement_of
from tailguard.record.duet import Budget, Claim, CommitLine, LoadTrial, Quality, SideName
from tailguard.record.environment import Placement
from tailguard.record.objective import Margins
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.samples import Samples
from tailguard.record.verdict import ChangeVerdict

log = logging.getLogger(__name__)

# A block that fails may be chance; three in a row are a broken side.
MOST_FAILURES_IN_A_ROW = 3

# Makes the sides of the run of that identity, which may be started as long as the stack is open.
Opening = Callable[[ExitStack, Placement, str], tuple[Sequence[Side], SharedServers]]


@dataclass(slots=True)
class DuetExecution:
    """A duet on its way; everything measured so far is in `results` and on disk."""

    config: Config
    specs: Mapping[SideName, SideSpec]
    margins: Margins
    budget: Budget
    opening: Opening
    claim: Claim | None = None
    run: Run = field(init=False)
    results: list[BlockResult] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    comparisons: Sequence[ChangeVerdict] = ()
    _labels: dict[SideName, str] = field(default_factory=dict)
    _commits: tuple[tuple[CommitLine, ...], int] = ((), 0)
    _in_a_row: int = 0

    def perform(self, command: Sequence[str]) -> Run:
        """Measure until decided or the budget is spent; the run is saved on the way, and says how it ended."""
        self.run = Run.start(
            self.config, environment=describe_environment(self.config.folder), command=command
        )
        ended, because = Ended.BROKE_OFF, None
        try:
            because = self._measure()
            ended = Ended.BROKE_OFF if because else Ended.COMPLETE
        except KeyboardInterrupt:
            ended = Ended.INTERRUPTED
        except TailguardError as error:
            because = str(error)
            raise
        finally:
            self._close(ended, because)
        return self.run

    def _measure(self) -> str | None:
        """Measure block after block; returns why the run is incomplete, None if it is whole."""
        placement = placement_of(self.config, *(spec.platform for spec in self.specs.values()))
        identity = self.run.record.id
        with ExitStack() as stack:
            sides, shared = self.opening(stack, placement, identity)
            self.run.put_environment(
                describe_environment(
                    self.config.folder, placement=placement, postgres=shared.postgres, s3=shared.s3
                )
            )
            self._labels = {side.name: side.label for side in sides}
            commits = {side.name: side.commit for side in sides}
            if (baseline := commits["baseline"]) and (candidate := commits["candidate"]):
                self._commits = commits_between(baseline, candidate, Path.cwd())
            self._put()
            self.run.save()
            return self._measure_blocks(sides, shared, identity)

    def _measure_blocks(self, sides: Sequence[Side], shared: SharedServers, identity: str) -> str | None:
        ends_s = time.monotonic() + self.budget.minutes * 60
        number = 0
        while len(self.results) < self.budget.pairs and time.monotonic() < ends_s:
            number += 1
            try:
                result = measure_block(
                    number, sides, identity, self.run.folder / BLOCKS,
                    explain=not self.results, databases=shared.databases,
                )  # fmt: skip
            except BlockError as error:
                if error.lasts and not self.results:
                    raise
                self._note_failure(number, error)
                if self._in_a_row == MOST_FAILURES_IN_A_ROW:
                    return f"{MOST_FAILURES_IN_A_ROW} blocks in a row failed; the last: {_in_short(error)}"
                continue
            self._in_a_row = 0
            self.results.append(result)
            if self._look():
                break
        return None if self.results else "no block was measured within the budget"

    def _look(self) -> bool:
        """Show the progress; at a look, tell whether it is decided."""
        self._compare()
        gated = [each for each in self.comparisons if each.gated]
        undecided = sum(each.state is State.INCONCLUSIVE for each in gated)
        log.info(
            "pair %d of at most %d: %.1f s, %d of %d metrics undecided",
            len(self.results),
            self.budget.pairs,
            self.results[-1].wall_s,
            undecided,
            len(gated),
        )
        return len(self.results) in LOOKS and decided(self.comparisons)

    def _note_failure(self, number: int, error: BlockError) -> None:
        self._in_a_row += 1
        self.failures.append(f"block {number}: {error}")
        log.warning("block %d is discarded: %s", number, error)

    def _compare(self) -> None:
        self.comparisons = compare_sides(
            self._of("baseline"), self._of("candidate"), self.margins, self.claim
        )

    def _of(self, side: SideName) -> list[Mapping[str, Samples]]:
        return [result.sides[side].samples for result in self.results]

    def _quality(self) -> Quality | None:
        """Say how good the gate is with this machine's noise, at the budget's number of pairs."""
        noise = noise_of(self.comparisons, self._of("baseline"), self._of("candidate"))
        return gate_quality(noise, self.budget.pairs)

    def _put(self, quality: Quality | None = None) -> None:
        """Put what there is so far into the record. Gated comparisons are verdicts, made from the files at the end."""
        watched = [each for each in self.comparisons if not each.gated]
        self.run.put_duet(
            describe_duet(
                self._labels, self.budget, self.margins, self.results,
                commits=self._commits, watched=watched, discarded=self.failures, quality=quality, claim=self.claim,
            )
        )  # fmt: skip

    def _close(self, ended: Ended, because: str | None) -> None:
        if self.results:
            self._compare()
            keep_candidate(self.run, self.results)
        self._put(self._quality() if self.results else None)
        self.run.put_doubts(
            [
                *doubts_of(self.results, between_servers=any(spec.server for spec in self.specs.values())),
                *doubts_of_shared_parts(self.specs),
            ]
        )
        self.run.finish(ended, because)


def _in_short(error: BlockError) -> str:
    """The first line and the last: what happened, and the log's own last word."""
    lines = str(error).splitlines()
    return lines[0] if len(lines) == 1 else f"{lines[0]}: {lines[-1].strip()}"


def run_duet(
    config: Config,
    specs: Mapping[SideName, SideSpec],
    budget: Budget,
    command: Sequence[str],
    target: str | None,
    claim: Claim | None = None,
    load: tuple[float, tuple[LoadTrial, ...]] | None = None,
) -> Run:
    """Perform a duet, judge and report it. `target` maps servers.

    `load` is its rate per second, and what was found at others before, in an experiment that tries several.
    """
    table = None
    if any(side.server for side in specs.values()):
        check_servers(specs)
        table = target_in(target, require_suite(config.suite))
    run = perform_duet(config, specs, budget, command, table, claim)
    machine = machine_of(run.record.environment)
    run.put_calibration(known_calibration(Path(config.runs_dir), machine, config))
    if load and run.record.duet:
        run.put_duet(replace(run.record.duet, rate_per_s=load[0], earlier_loads=load[1]))
    finish(run, config.suite)
    if run.record.duet and run.record.duet.quality:
        say(f"This gate: {quality_sentence(run.record.duet.quality)}.")
    return run


def perform_duet(
    config: Config,
    specs: Mapping[SideName, SideSpec],
    budget: Budget,
    command: Sequence[str],
    target: TargetTable | None = None,
    claim: Claim | None = None,
) -> Run:
    """Perform a duet; returns its run, which is not judged yet."""
    config, suite = open_suite(config)
    margins = configured_margins(config, suite.steps)
    loads_of(config, suite)  # a block that finds an impossible one is only a block that failed
    if claim is None:  # which the fewest pairs of an experiment can decide
        check_pairs(
            budget.pairs, [suite.steps[name] for name in config.scenarios or suite.scenarios], margins
        )
    opening = _opening(config, specs, budget, target)
    return DuetExecution(config, specs, margins, budget, opening, claim).perform(command)


def _opening(
    config: Config, specs: Mapping[SideName, SideSpec], budget: Budget, target: TargetTable | None
) -> Opening:
    suite = require_suite(config.suite)

    def opened(stack: ExitStack, placement: Placement, identity: str) -> tuple[Sequence[Side], SharedServers]:
        sides: Sequence[CodeSide | ServerSide]
        if target:
            sides, shared = server_sides(suite, specs, target, budget.pairs), NO_SERVERS
        else:
            sides = stack.enter_context(open_sides(suite, specs))
            shared = stack.enter_context(open_shared_servers(config, placement, identity))
        return [side.ready(config, shared, placement, identity) for side in sides], shared

    return opened


def check_pairs(pairs: int, steps: Sequence[Sequence[str]], margins: Margins) -> None:
    """Raise UsageError if so many pairs can never FAIL, with the fewest that can; `steps` are each scenario's."""
    metrics = sum(max(len(names), 1) * len(compared_quantiles(margins)) + 1 for names in steps)
    fewest = fewest_pairs(metrics, ALPHA)
    if pairs < fewest:
        raise UsageError(
            f"--pairs {pairs}: with {metrics} metrics {fewest} pairs are the fewest that can find a slowdown, however "
            f"large. Give --pairs {fewest} or more, or compare fewer scenarios with --scenario."
        )
