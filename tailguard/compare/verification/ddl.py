"""Whether the record of a SQL file's proof follows from live.parquet: what clients met in each of its windows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from msgspec.structs import replace

from tailguard.compare.verification.difference import Difference, part_differences
from tailguard.judge.proof.ddl import sent
from tailguard.judge.proof.responses import quiet_impact, responses_during
from tailguard.record.ddl import DdlProof, DdlStep, Trial
from tailguard.record.migration import Client, ClientImpact
from tailguard.record.run import Run
from tailguard.record.samples import Samples


def verify_ddl(run: Run) -> Iterator[Difference]:
    """Compare what clients met; raise BrokenRunError if live.parquet is missing or broken."""
    proof = run.record.ddl
    if proof is None:
        return
    live = run.live_samples()
    yield from _unclaimed(run, proof, live)
    for step in proof.steps:
        yield from part_differences(step, _counted_again(step, live), f"ddl.steps.{step.number}")


def _counted_again(step: DdlStep, live: Mapping[str, Samples]) -> DdlStep:
    """Return the step with what its clients met taken from their samples."""
    safe, window = step.safe, step.baseline_window
    return replace(
        step,
        baseline={who: quiet_impact(sent(live, window, who)) for who in _clients(live, window)},
        trials=tuple(_trial(each, live) for each in step.trials),
        control=None if step.control is None else _trial(step.control, live),
        safe=None
        if safe is None
        else replace(safe, trials=tuple(_trial(each, live) for each in safe.trials)),
    )


def _trial(trial: Trial, live: Mapping[str, Samples]) -> Trial:
    impact: dict[Client, ClientImpact] = {
        who: responses_during(sent(live, trial.window, who), trial.started_ns, trial.seconds).impact
        for who in _clients(live, trial.window)
    }
    return replace(trial, impact=impact)


def _clients(live: Mapping[str, Samples], window: str) -> list[Client]:
    """Those who were there: a table that takes no writes has readers alone."""
    return [who for who in get_args(Client) if f"{window}_{who}" in live]


def _unclaimed(run: Run, proof: DdlProof, live: Mapping[str, Samples]) -> Iterator[Difference]:
    """Each window belongs to a step: a trial that was taken out leaves its samples."""
    claimed = {f"{window}_{who}" for window in _windows(proof.steps) for who in get_args(Client)}
    if run.complete and not proof.unproved:
        for name in live:
            if name not in claimed:
                yield Difference(f"live.{name}", "in no step of the record", "in live.parquet")


def _windows(steps: Sequence[DdlStep]) -> Iterator[str]:
    for step in steps:
        safe = step.safe.trials if step.safe is not None else ()
        yield step.baseline_window
        yield from (each.window for each in (*step.trials, *safe))
        if step.control is not None:
            yield step.control.window
