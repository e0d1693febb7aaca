"""One iteration of a recorded run, alone: its steps and the statements that they sent."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.engine.measure import measure
from tailguard.engine.placement import pinned
from tailguard.engine.schedule import Constant
from tailguard.engine.workload import Load, Measurement
from tailguard.pipeline.preparation import prepared
from tailguard.pipeline.target import placement_of, served_target
from tailguard.postgres.attribution import attributed
from tailguard.record.run import Run, new_id
from tailguard.record.run_record import RunRecord
from tailguard.record.samples import OUTCOMES
from tailguard.record.scenario import DatabaseTime
from tailguard.reproduce.code import recorded_code
from tailguard.reproduce.recorded_plan import check_kind, recorded_config

_ALONE = Load(Constant(1000, 0.001), workers=1, min_samples=0, max_samples=1)


@dataclass(frozen=True, slots=True)
class Played:
    """What one iteration did now."""

    scenario: str
    measurement: Measurement
    database: DatabaseTime

    def steps(self) -> Iterator[tuple[str, str, float, str]]:
        """Yield each step's name, outcome, time in ms from its start to its end, and error."""
        samples = self.measurement.samples
        for row in np.argsort(samples.started_ns, kind="stable"):
            took_ms = (samples.ended_ns[row] - samples.started_ns[row]) / 1e6
            error = samples.errors[samples.error[row]]
            yield samples.steps[samples.step[row]], OUTCOMES[samples.outcome[row]], float(took_ms), error


def play_one(run: Run, number: int, scenario: str, *, here: bool) -> Played:
    """Play the iteration of that number, with its random numbers and rows, on fresh servers and without faults.

    `scenario` may be "" if the run has one. Nothing is saved. Raises UsageError as `reproduce` does.
    """
    record, slug = run.record, _chosen(run.record, scenario)
    played, _ = check_kind(record)
    with recorded_code(record.environment.git, here=here) as code:
        config, suite = recorded_config(
            record, played, code.folder, {"scenarios": [slug], "mix": "", "chaos.faults": []}
        )
        placement = placement_of(config)
        with (
            pinned(placement),
            served_target(config, placement) as target,
            prepared(config, suite, new_id(), placement, target) as ready,
        ):
            workload = replace(ready.workloads[0], load=_ALONE, first=number)
            with attributed(ready.parts.database, [workload]) as attribution:
                measured = measure(
                    [workload],
                    on_progress=attribution.after_slice,
                    run_id=ready.run.id,
                    seed=ready.run.seed,
                )
                return Played(slug, measured[slug], attribution.server_time(slug))


def _chosen(record: RunRecord, scenario: str) -> str:
    names = [*record.scenarios]
    if scenario and scenario not in names:
        raise UsageError(f"Run {record.id} has no scenario {scenario!r}.{did_you_mean(scenario, names)}")
    if not scenario and len(names) != 1:
        raise UsageError(
            f"Run {record.id} has {len(names)} scenarios: give --scenario, one of {', '.join(names)}."
        )
    return scenario or names[0]
