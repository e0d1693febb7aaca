"""All verdicts of a finished run of any kind, from its record and its raw files alone.

Every run is judged by this at its end, and `tailguard verify` judges it again.
"""

from dataclasses import dataclass
from typing import get_args

from tailguard.compare.bench_comparison import compare_commands
from tailguard.compare.claim import compare_sides
from tailguard.compare.gate_quality import Noise, noise_of
from tailguard.compare.pairs import Block
from tailguard.compare.plan_comparison import compare_plans
from tailguard.compare.shadow.verdicts import compare_shadow
from tailguard.judge.proof.ddl import ddl_verdicts
from tailguard.judge.proof.verdicts import proof_verdicts
from tailguard.judge.soak.verdicts import soak_verdicts
from tailguard.judge.verdicts import judge_run
from tailguard.record.duet import Duet, SideName
from tailguard.record.run import Run
from tailguard.record.samples.parquet import read_samples
from tailguard.record.verdict import ChangeVerdict, PlanVerdict, ProofVerdict, Verdict


def verdicts_of(run: Run) -> tuple[Verdict, ...]:
    """Return the verdicts of a run: on its objectives, its migrations, its changes and plans.

    Raises UsageError if a raw file is missing or broken.
    """
    found: list[Verdict] = []
    if run.record.soak is not None:
        return soak_verdicts(run.folder, run.record, run.record.soak)
    if run.record.objectives is not None:
        found += judge_run(run, run.record.objectives)
    found += _of_migrations(run)
    if run.record.ddl is not None:
        found += ddl_verdicts(run.record.ddl, run.live_samples())
    if run.record.duet is not None:
        found += compare_duet(run, run.record.duet).verdicts
    if run.record.bench is not None:
        found += compare_commands(run.record.bench, run.samples())
    if run.record.shadow is not None:
        found += compare_shadow(run, run.record.shadow).verdicts
    return tuple(found)


@dataclass(frozen=True, slots=True)
class DuetComparison:
    """All that follows from the blocks and plans of a duet; `noise` tells how good its gate was."""

    changes: tuple[ChangeVerdict, ...]
    plans: tuple[PlanVerdict, ...]
    noise: Noise

    @property
    def verdicts(self) -> tuple[ChangeVerdict | PlanVerdict, ...]:
        """Those that the duet is judged by."""
        return (*(each for each in self.changes if each.gated), *self.plans)

    @property
    def watched(self) -> tuple[ChangeVerdict, ...]:
        """Those that no duet fails by."""
        return tuple(each for each in self.changes if not each.gated)


def compare_duet(run: Run, duet: Duet) -> DuetComparison:
    """Compare both sides of a duet, block by block; raise UsageError if a block's file is missing or broken."""
    names = get_args(SideName)
    # One that was interrupted at its start has no sides yet.
    plans = compare_plans(*(duet.sides[name].plans if name in duet.sides else {} for name in names))
    baseline, candidate = (side_of(run, duet, name) for name in names)
    changes = compare_sides(baseline, candidate, duet.margins, duet.claim)
    return DuetComparison(
        changes=tuple(changes),
        plans=tuple(plans),
        noise=noise_of(changes, baseline, candidate),
    )


def side_of(run: Run, duet: Duet, name: SideName) -> list[Block]:
    """Return what one side measured, block by block; raise BrokenRunError if a block's file is missing or broken."""
    return [read_samples(run.raw_file(block.files.get(name, ""))) for block in duet.blocks]


def _of_migrations(run: Run) -> list[ProofVerdict]:
    if not run.record.migrations:
        return []
    live = run.live_samples()
    return [each for entry in run.record.migrations for each in proof_verdicts(entry, live)]
