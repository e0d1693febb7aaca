"""One duet: sides, servers, pairs until it is decided, the record, the report and the exit code."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from tailguard.base.placement import choose_placement
from tailguard.compare.comparison import Block, Comparison, compare_blocks, decided
from tailguard.compare.comparison_ratios import ratios_of
from tailguard.compare.gate import LOOKS, looks_at
from tailguard.compare.gate_quality import gate_quality
from tailguard.compare.history import machine_of
from tailguard.compare.plain_margin import PlainMargin, plain_verdicts
from tailguard.compare.plan_comparison import compare_plans
from tailguard.config.merge import Config
from tailguard.config.suite_table import require_suite
from tailguard.duet.blocks import BlockError, Pair, Side, measure_pair
from tailguard.duet.record import INTERRUPTED, describe_pairs, keep_candidate, known_calibration
from tailguard.duet.servers import Servers
from tailguard.duet.shared_servers import NO_GROUND, Ground, open_ground
from tailguard.duet.side_spec import Wanted
from tailguard.duet.sides import open_sides
from tailguard.judge.margins import Margins
from tailguard.judge.objectives import configured_margins
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.loads import load_of
from tailguard.pipeline.progress import Progress
from tailguard.pipeline.session import finish
from tailguard.record.run import Run
from tailguard.suite.registry import known_steps, load_scenarios

# A block that fails may be chance; three in a row are a broken side.
MOST_FAILURES_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a duet may go on: pairs, and minutes from the first of them; and what else it is held against."""

    pairs: int = 40
    minutes: float = 30.0
    plain: tuple[PlainMargin, ...] = ()  # margins without a test, beside those of the gate


@dataclass(slots=True)
class Duet:
    """A duet on its way; everything measured so far is in `pairs` and on disk."""

    config: Config
    wanted: Mapping[str, Wanted]
    margins: Margins
    budget: Budget
    say: Callable[[str], None]
    servers: Servers | None = None
    run: Run = field(init=False)
    pairs: list[Pair] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    _in_a_row: int = 0

    def perform(self, command: Sequence[str]) -> Run:
        """Measure until decided or the budget is spent; the run is saved on the way and marked where it broke off."""
        self.run = Run.start(self.config, command=command)
        self.run.record["kind"] = "duet"
        because: str | None = "the duet broke off"
        try:
            because = self._measure()
        except KeyboardInterrupt:
            because = INTERRUPTED
        finally:
            self._close(because)
        return self.run

    def _measure(self) -> str | None:
        """Measure pair after pair; returns why the run is incomplete, None where it is whole."""
        scenarios = load_scenarios(self.config)
        needs = frozenset[str]().union(*(scenario.needs for scenario in scenarios))
        placement = choose_placement(pin=self.config.get("placement.pin"))
        identity = self.run.record["id"]
        with ExitStack() as stack:
            if self.servers:
                sides: Sequence[Any] = stack.enter_context(self.servers.open(self.wanted, self.say))
                ground = NO_GROUND
            else:
                sides = stack.enter_context(
                    open_sides(require_suite(self.config.suite), self.wanted, self.say)
                )
                self.say("starting the servers")
                ground = stack.enter_context(open_ground(self.config, needs, placement, identity))
            self.run.record["environment"] = (
                describe_environment() | {"placement": placement.as_dict()} | dict(ground.record)
            )
            ready = [side.ready(self.config, ground, placement, identity) for side in sides]
            self._describe(ready, ground)
            return self._pairs(ready, identity)

    def _pairs(self, sides: Sequence[Side], identity: str) -> str | None:
        ends_s = time.monotonic() + self.budget.minutes * 60
        number = 0
        while len(self.pairs) < self.budget.pairs and time.monotonic() < ends_s:
            number += 1
            try:
                pair = measure_pair(
                    number, sides, identity, self.run.folder / "blocks", {"explain": not self.pairs}
                )
            except BlockError as error:
                self._note_failure(number, error)
                if self._in_a_row == MOST_FAILURES_IN_A_ROW:
                    return f"{MOST_FAILURES_IN_A_ROW} blocks in a row failed; the last: {_in_short(error)}"
                continue
            self._in_a_row = 0
            self.pairs.append(pair)
            if self._look():
                break
        return None if self.pairs else "no pair of blocks was measured within the budget"

    def _look(self) -> bool:
        """Say where it stands; at a look, tell whether it is decided."""
        self.comparisons = self._compare()
        undecided = sum(each.gated and each.state == "INCONCLUSIVE" for each in self.comparisons)
        self.say(
            f"pair {len(self.pairs)} of at most {self.budget.pairs}: {self.pairs[-1].wall_s:.1f} s, {undecided} of"
            f" {sum(each.gated for each in self.comparisons)} metrics undecided"
        )
        return len(self.pairs) in LOOKS and decided(self.comparisons)

    def _note_failure(self, number: int, error: BlockError) -> None:
        self._in_a_row += 1
        self.failures.append(f"block {number}: {error}")
        self.say(f"block {number} is discarded: {error}")

    def _compare(self) -> list[Comparison]:
        return compare_blocks(self._blocks("baseline"), self._blocks("candidate"), self.margins)

    def _blocks(self, side: str) -> list[Block]:
        return [pair.halves[side].samples for pair in self.pairs]

    def _quality(self) -> dict[str, Any] | None:
        """Say how good the gate is with this machine's noise, at the budget's number of pairs."""
        ratios = ratios_of(self.comparisons, self._blocks("baseline"), self._blocks("candidate"))
        quality = gate_quality(ratios, self.budget.pairs)
        return None if quality is None else quality.as_dict()

    def _describe(self, sides: Sequence[Side], ground: Ground) -> None:
        self.run.record["duet"] = {
            "sides": {side.name: {"label": side.label} for side in sides},
            "budget": {"pairs": self.budget.pairs, "minutes": self.budget.minutes},
            "looks": looks_at(self.budget.pairs),
        }
        self.run.save()

    def _close(self, because: str | None) -> None:
        record = self.run.record
        if self.pairs:
            self.comparisons = self._compare()
            keep_candidate(self.run, self.pairs)
            plans = compare_plans(*(half.record.get("plans", {}) for half in self.pairs[0].halves.values()))
            record["duet"]["plans"] = [each.as_verdict() for each in plans]
            record["duet"] |= describe_pairs(self.pairs, self.comparisons) | {"quality": self._quality()}
        record.setdefault("duet", {})["discarded"] = self.failures
        if self.servers:
            record["doubts"] += self.servers.doubts(self.pairs)
        changes = [each.as_verdict() for each in self.comparisons if each.gated]
        plain = list(plain_verdicts(self.budget.plain, self._blocks("baseline"), self._blocks("candidate")))
        record["verdicts"] = changes + record["duet"].get("plans", []) + plain
        self.run.finish(because)


def _in_short(error: BlockError) -> str:
    """The first line and the last: what happened, and the log's own last word."""
    lines = str(error).splitlines()
    return lines[0] if len(lines) == 1 else f"{lines[0]}: {lines[-1].strip()}"


def run_duet(
    config: Config, wanted: Mapping[str, Wanted], budget: Budget, command: Sequence[str], target: str | None
) -> int:
    """Perform a duet, report it and return its exit code, which run.json keeps. `target` maps servers."""
    servers = (
        Servers.between(wanted, target, config) if any(side.server for side in wanted.values()) else None
    )
    run = perform_duet(config, wanted, budget, command, servers)
    machine = machine_of(run.record["environment"])
    run.record["duet"]["calibration"] = known_calibration(Path(config.get("runs_dir")), machine, config)
    code = finish(run)
    quality = run.record["duet"].get("quality")
    if quality:
        click.echo(f"This gate: {quality['sentence']}.")
    return code


def perform_duet(
    config: Config,
    wanted: Mapping[str, Wanted],
    budget: Budget,
    command: Sequence[str],
    servers: Servers | None = None,
) -> Run:
    """Perform a duet with progress on the terminal; returns its run."""
    margins = configured_margins(config, known_steps(config.suite))
    for slug in config.get("scenarios"):  # a block that finds an impossible one is only a block that failed
        load_of(slug, config.scenario(slug), config.get("seed"))
    with Progress() as lines:
        return Duet(config, wanted, margins, budget, lines.say, servers).perform(command)
