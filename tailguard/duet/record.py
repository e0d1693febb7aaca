"""What a duet's run keeps beside its verdicts: the candidate's samples, the blocks, where the time went."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tailguard.base.errors import UsageError
from tailguard.base.reading.json_text import JsonError
from tailguard.base.reading.regular_file import read_bounded
from tailguard.compare.gate import looks_at
from tailguard.config.merge import Config
from tailguard.duet.blocks import BlockResult, SideResult
from tailguard.duet.order import PhaseTimes
from tailguard.engine.summary import scenario_entry
from tailguard.engine.workload import Measurement
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.duet import (
    Block,
    Budget,
    Calibration,
    Claim,
    CommitLine,
    Duet,
    DuetSide,
    DuetTime,
    Quality,
    SideName,
)
from tailguard.record.objective import Margins
from tailguard.record.run import Run
from tailguard.record.run_json import decode
from tailguard.record.samples.pooling import pool
from tailguard.record.scenario import Invariant, ScenarioEnded
from tailguard.record.verdict import ChangeVerdict

BLOCKS = "blocks"  # the folder of a run with what each side of each block measured
CALIBRATION = "duet-calibration.json"  # beside the runs: what `duet --calibrate` last found here


def keep_candidate(run: Run, results: Sequence[BlockResult]) -> None:
    """Keep the candidate's samples of all blocks as the run's own, so that report and `verify` read it as any other.

    An invariant that broke in any block, on either side, is broken: a wrong baseline is nothing to compare with.
    """
    sides = [result.sides["candidate"] for result in results]
    for slug, first in sides[0].record.scenarios.items():
        samples = pool([side.samples[slug] for side in sides if slug in side.samples])
        measured_s = sum(side.record.scenarios[slug].measured_s for side in sides)
        measurement = Measurement(
            samples=samples,
            schedule=first.schedule,
            warmup=sum(side.record.scenarios[slug].warmup for side in sides),
            offered_rate_per_s=first.offered_rate_per_s,
            achieved_rate_per_s=len(samples) / measured_s if measured_s else 0.0,
            measured_s=measured_s,
            own_s=sum(side.record.scenarios[slug].own_s for side in sides),
            lateness_ns=np.empty(0, np.int64),
            ended_because=ScenarioEnded.MAX_SAMPLES,
        )
        run.add_scenario(slug, scenario_entry(first.title, measurement, _invariants(slug, results)), samples)


def describe_duet(
    labels: Mapping[SideName, str],
    budget: Budget,
    margins: Margins,
    results: Sequence[BlockResult] = (),
    *,
    commits: tuple[tuple[CommitLine, ...], int] = ((), 0),
    watched: Sequence[ChangeVerdict] = (),
    discarded: Sequence[str] = (),
    quality: Quality | None = None,
    claim: Claim | None = None,
) -> Duet:
    """Return the part of the record that only a duet has, as far as it has come."""
    return Duet(
        sides={name: _side(name, label, results) for name, label in labels.items()},
        budget=budget,
        margins=margins,
        looks=tuple(looks_at(budget.pairs)),
        commits=commits[0],
        older_commits=commits[1],
        blocks=tuple(_block(result) for result in results),
        watched=tuple(watched),
        discarded=tuple(discarded),
        time=time_split(results) if results else None,
        quality=quality,
        claim=claim,
    )


def doubts_of(results: Sequence[BlockResult], *, between_servers: bool) -> list[Doubt]:
    """Return what the sides of the first block left out, and that the query plans of servers cannot be seen."""
    found = [
        doubt for result in results[:1] for side in result.sides.values() for doubt in side.record.doubts
    ]
    if between_servers:
        found.append(_NO_PLANS)
    found += _not_compared(results)
    return list({(doubt.kind, doubt.scenario, doubt.measured): doubt for doubt in found}.values())


def _not_compared(results: Sequence[BlockResult]) -> Iterator[Doubt]:
    for slug, samples in results[0].sides["candidate"].samples.items() if results else ():
        if samples.recorded.names:
            yield Doubt(
                kind="metrics_not_compared",
                scenario=slug,
                grade=Grade.NOTE,
                measured=f"recorded and not compared: {', '.join(samples.recorded.names)}",
                limit="times, errors and refusals are compared",
                remedy="limit them: `tailguard run` judges what is recorded",
            )


def time_split(results: Sequence[BlockResult]) -> DuetTime:
    """Return where the time of all blocks went.

    While one side measures the other waits, so that the measuring of both adds up; they start, seed and check at the
    same time, so that the longer one counts.
    """
    wall_s = sum(result.wall_s for result in results)
    phases = [[side.record.phases for side in result.sides.values()] for result in results]
    measuring_s = sum(each.measure for both in phases for each in both)

    def longer_s(of: Callable[[PhaseTimes], float]) -> float:
        return sum(max(map(of, both)) for both in phases)

    return DuetTime(
        wall_s=wall_s,
        measuring_s=measuring_s,
        other_s=wall_s - measuring_s,
        starts_s=longer_s(lambda side: side.start),
        seeding_s=longer_s(lambda side: side.prepare),
        checks_s=longer_s(lambda side: side.check + side.close),
    )


def known_calibration(runs_dir: Path, machine: str, config: Config) -> Calibration | None:
    """Return what was found for this machine, profile and scenarios; None if nothing was, or it is broken."""
    try:
        found = decode(read_bounded(runs_dir / CALIBRATION), Calibration)
    except (UsageError, JsonError):
        return None
    same = (found.machine, found.profile, found.scenarios)
    return found if same == (machine, config.profile, tuple(config.scenarios)) else None


_NO_PLANS = Doubt(
    kind="plans_not_compared",
    scenario=None,
    grade=Grade.NOTE,
    measured="the servers' query plans cannot be seen",
    limit="plans compared",
    remedy="compare code: --baseline-ref",
)


def _side(name: SideName, label: str, results: Sequence[BlockResult]) -> DuetSide:
    if not results:
        return DuetSide(label=label)
    first = results[0].sides[name].record
    return DuetSide(label=label, platform=first.platform, faults=first.faults, plans=first.plans)


def _block(result: BlockResult) -> Block:
    return Block(
        number=result.number,
        first=result.first,
        wall_s=result.wall_s,
        files={name: f"{BLOCKS}/{side.samples_path.name}" for name, side in result.sides.items()},
    )


def _invariants(slug: str, results: Sequence[BlockResult]) -> tuple[Invariant, ...]:
    """One entry per invariant and side: as it was in the first block that broke it, else in the last."""
    found: dict[str, Invariant] = {}
    for result in results:
        for name, side in result.sides.items():
            for each in _of_side(name, slug, side):
                if each.name not in found or found[each.name].held:
                    found[each.name] = each
    return tuple(found.values())


def _of_side(name: SideName, slug: str, side: SideResult) -> list[Invariant]:
    return [
        Invariant(name=f"{name}: {each.name}", held=each.held, expected=each.expected, observed=each.observed)
        for each in side.record.scenarios[slug].invariants
    ]
