"""Which commit made a metric slower: pairs of blocks, good against the commit that tells most, until it is sure."""

import logging
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.base.state import State
from tailguard.base.text_format import ratio, signed_percent
from tailguard.compare.comparison import ComparedMetric
from tailguard.compare.gate import log_ratios
from tailguard.compare.pairs import FEWEST
from tailguard.compare.series.bisection import Bisection
from tailguard.config.merge import Config
from tailguard.config.suite_table import require_suite
from tailguard.duet.blocks import BlockError, BlockResult, Side, measure_block
from tailguard.duet.shared_servers import SharedServers, open_shared_servers
from tailguard.duet.side_spec import SideSpec
from tailguard.duet.sides import Instrument, build_side, instrument_of
from tailguard.duet.sources import Commit
from tailguard.pipeline.target import placement_of
from tailguard.record.duet import Budget, SideName
from tailguard.record.environment import Placement

log = logging.getLogger(__name__)

JOURNAL = "pairs.jsonl"
MOST_FAILURES = 2  # of a commit, before it is skipped
SHOWN = 5  # likeliest commits at the end


class Observed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line of the journal: the log-ratio of a pair, or why the commit is skipped."""

    commit: str
    log_ratio: float | None = None
    skipped: str = ""


@dataclass(slots=True)
class BisectExecution:
    """A bisection on its way. What was measured is in the journal of `folder`: a later one goes on from there."""

    config: Config
    good: str
    commits: tuple[Commit, ...]
    metric: ComparedMetric
    budget: Budget
    folder: Path
    bisection: Bisection = field(init=False)
    _failures: dict[int, int] = field(default_factory=dict)

    def perform(self) -> range | None:
        """Measure until it is sure or the budget is spent; return the commits as `Bisection.found` does."""
        self.bisection = Bisection(len(self.commits))
        for line in self._journal():
            self._take_in(line)
        suite = require_suite(self.config.suite)
        placement, identity = placement_of(self.config), secrets.token_hex(3)
        with ExitStack() as stack:
            instrument = instrument_of(suite, stack)
            shared = stack.enter_context(open_shared_servers(self.config, placement, identity))
            sides = _Sides(self.config, instrument, shared, placement, identity, stack)
            self._measure(sides)
        return self.bisection.found()

    def _measure(self, sides: "_Sides") -> None:
        ends_s = time.monotonic() + self.budget.minutes * 60
        while self.bisection.pairs < self.budget.pairs and time.monotonic() < ends_s:
            commit = self.bisection.next_commit()
            if commit is None:
                return
            number = self.bisection.pairs + sum(self._failures.values()) + 1
            try:
                pair = [sides.of("baseline", self.good), sides.of("candidate", self.commits[commit].sha)]
                databases = sides.shared.databases
                self._note(
                    commit, measure_block(number, pair, sides.identity, self.folder, databases=databases)
                )
            except BlockError as error:
                self._note_failure(commit, error)

    def _note(self, commit: int, result: BlockResult) -> None:
        metric, sha = self.metric, self.commits[commit].sha
        rows = [result.sides[side].samples[metric.scenario].response_ms(metric.step) for side in result.sides]
        assert metric.q is not None
        if min(map(len, rows)) < FEWEST:
            self._skip(commit, f"a block of it has fewer than {FEWEST} ok samples")
            return
        [ratio], _ = log_ratios([rows[0]], [rows[1]], metric.q)
        self._write(Observed(sha, float(ratio)))
        likely = self.bisection.posterior()
        best = int(likely[:-1].argmax())
        log.info(
            "pair %d, %s: %+.1f %%; likeliest %s (%.0f %%)",
            self.bisection.pairs, sha[:10], 100 * ratio, self.commits[best].sha[:10], 100 * likely[best],
        )  # fmt: skip

    def _note_failure(self, commit: int, error: BlockError) -> None:
        if error.side == "baseline":
            raise error
        self._failures[commit] = self._failures.get(commit, 0) + 1
        if error.lasts or self._failures[commit] >= MOST_FAILURES:
            self._skip(commit, str(error).splitlines()[0])

    def _skip(self, commit: int, why: str) -> None:
        log.warning("%s is skipped: %s", self.commits[commit].sha[:10], why)
        self._write(Observed(self.commits[commit].sha, skipped=why))

    def _write(self, line: Observed) -> None:
        with (self.folder / JOURNAL).open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
        self._take_in(line)

    def _take_in(self, line: Observed) -> None:
        commit = [each.sha for each in self.commits].index(line.commit)
        if line.log_ratio is None:
            self.bisection.skipped.add(commit)
        else:
            self.bisection.observe(commit, line.log_ratio)

    def _journal(self) -> Iterator[Observed]:
        path = self.folder / JOURNAL
        with suppress(FileNotFoundError):
            for number, line in enumerate(path.read_bytes().splitlines(), 1):
                try:
                    yield msgspec.json.decode(line, type=Observed)
                except msgspec.DecodeError as error:
                    raise UsageError(
                        f"{path}, line {number} is broken ({error}): remove the line, or the folder."
                    ) from error


@dataclass(slots=True)
class _Sides:
    """The commits that were unpacked so far, each once."""

    config: Config
    instrument: Instrument
    shared: SharedServers
    placement: Placement
    identity: str
    stack: ExitStack
    built: dict[tuple[SideName, str], Side] = field(default_factory=dict)

    def of(self, name: SideName, sha: str) -> Side:
        if (name, sha) not in self.built:
            side = build_side(name, SideSpec(ref=sha), self.instrument, self.stack)
            self.built[name, sha] = side.ready(self.config, self.shared, self.placement, self.identity)
        return self.built[name, sha]


def tell(execution: BisectExecution, found: range | None) -> int:
    """Print what was found and how likely each commit is; return the exit code."""
    bisection, commits = execution.bisection, execution.commits
    likely = bisection.posterior()
    change, low, high = bisection.change()
    size = f"{signed_percent(change - 1)} [{signed_percent(low - 1)}, {signed_percent(high - 1)}]"
    if found is None:
        say(f"Undecided after {bisection.pairs} pairs. Run the same command again to resume.")
    elif not found:
        say(f"None of the {len(commits)} commits made {execution.metric.title} slower.")
    elif len(found) == 1:
        say(
            f"{execution.metric.title} is slower since {commits[found[0]]}: {size}, in {bisection.pairs} pairs."
        )
    else:
        say(
            f"{execution.metric.title} is slower since one of these, as others could not be measured: {size}."
        )
        say(*(f"  {commits[each]}" for each in found))
    for each in sorted(range(len(commits)), key=lambda each: -likely[each])[:SHOWN]:
        say(f"  {ratio(likely[each]):>9}  {commits[each]}")
    say(f"  {ratio(likely[-1]):>9}  none of them")
    return State.INCONCLUSIVE.exit_code if found is None else State.PASS.exit_code


def parse_metric(text: str, steps: Mapping[str, Sequence[str]], where: str = "--metric") -> ComparedMetric:
    """Return the metric; `steps` are each scenario's. Raises UsageError with what there is."""
    found = re.fullmatch(r"(?P<scenario>\S+)( (?P<step>.+))? p(?P<percent>\d{1,2}(\.\d+)?)", text)
    if found is None or float(found["percent"]) == 0:
        raise UsageError(
            f"{where} {text!r}: write a scenario, its step and a percentile, such as 'registration p95'."
        )
    scenario, step = found["scenario"], found["step"]
    if scenario not in steps:
        raise UsageError(f"{where} {text!r}: there is no scenario {scenario!r}, but {', '.join(steps)}.")
    names = steps[scenario]
    if step is None and len(names) == 1:
        [step] = names
    if step is None or (names and step not in names):
        raise UsageError(
            f"{where} {text!r}: name a step of {scenario}{': ' if names else ''}{', '.join(names)}."
        )
    return ComparedMetric(scenario, step, float(found["percent"]) / 100)
