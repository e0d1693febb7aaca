"""A whole measured run: the world, all scenarios in turn, their invariants, the migrations; saved as it goes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import psycopg

from tailguard.base.errors import TailguardError
from tailguard.config.merge import Config
from tailguard.engine.measure import Done, Pace, Progress, measure
from tailguard.engine.placement import choose_placement, pinned
from tailguard.engine.scenario import Scenario
from tailguard.engine.summary import scenario_entry
from tailguard.engine.telemetry import Telemetry
from tailguard.engine.workload import Measurement, Workload
from tailguard.pipeline.chaos import chaos_on, chaos_record, recovery_invariants
from tailguard.pipeline.database_loss_monitor import DatabaseLossMonitor
from tailguard.pipeline.loads import load_of
from tailguard.pipeline.migrations import check_live_rows, prove_migrations
from tailguard.pipeline.world import World
from tailguard.pipeline.world_environment import world_environment
from tailguard.postgres.attribution import Attribution, attributed
from tailguard.record.doubt import Doubt
from tailguard.record.environment import Placement
from tailguard.record.run import Run
from tailguard.suite.parts import parts_of
from tailguard.suite.registry import load_scenarios
from tailguard.trust.doubts import find_doubts
from tailguard.trust.scenario_doubts import skipped_step

INTERRUPTED = "interrupted by the user"


def nothing(*_: Any) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What the caller wants to hear while the run goes on, and whether it has seen enough of a scenario.

    `judge` turns the run into run.json's verdicts: it is handed in, so that scenarios know no objective.
    """

    judge: Callable[[Run], list[dict[str, Any]]] | None = None
    done: Done | None = None
    on_progress: Callable[[Progress], None] = nothing
    say: Callable[[str], None] = nothing


def run_suite(config: Config, watch: Watch | None = None, *, command: Sequence[str] = ()) -> Run:
    """Measure all scenarios that `config` names and return the run, which is on disk from its first sample on.

    A run that was interrupted, or that lost its database on the way, is saved as incomplete with the cause. Raises
    `UsageError` where the world cannot be built, after saying so in the run.
    """
    watch = watch or Watch()
    suite = Suite(config, load_scenarios(config), watch)
    run = suite.run = Run.start(config, command=command, faults=parts_of(config.suite).read_faults().names())
    because: str | None = "the run broke off"
    try:
        because = suite.measure_all()
    except KeyboardInterrupt:
        because = INTERRUPTED
    except TailguardError as error:
        because = str(error)
        raise
    except psycopg.Error as error:
        because = f"the database could not be read any more: {error}".strip()
    finally:
        suite.close(because)
    return run


@dataclass(slots=True)
class Suite:
    """One run on its way: each part writes what it found into the run and saves it."""

    config: Config
    scenarios: Sequence[Scenario]
    watch: Watch
    run: Run = field(init=False)
    _skipped: list[Doubt] = field(default_factory=list)

    def measure_all(self) -> str | None:
        """Do everything; returns why the run is incomplete, None where it is whole."""
        check_live_rows(self.config)
        placement = choose_placement(pin=self.config.get("placement.pin"))
        needs = frozenset[str]().union(*(scenario.needs for scenario in self.scenarios))
        with (
            pinned(placement),
            parts_of(self.config.suite).open_world(
                self.config, needs, self.run.record["id"], placement=placement, say=self.watch.say
            ) as world,
        ):
            self.run.record["environment"] |= world_environment(world)
            workloads = [self._trial(scenario, world) for scenario in self.scenarios]
            with attributed(world.database, workloads) as attribution:
                monitor = DatabaseLossMonitor(world, partial(self._heard, attribution))
                measured = self._measure(workloads, placement, monitor)
                for slug in measured:
                    self.run.record["scenarios"][slug]["database"] = attribution.record(slug)
            if monitor.gone:
                return monitor.gone
            if any(each.ended_because == "interrupted" for each in measured.values()):
                return INTERRUPTED
            for workload in workloads:
                self._settle(workload, world, measured[workload.scenario.slug])
            prove_migrations(self.run, world, self.config, self.watch.say)
        return None

    def close(self, because: str | None) -> None:
        """Judge what there is and save it, whole or marked incomplete."""
        self.run.finish(because)
        if self.watch.judge is not None:
            self.run.record["verdicts"] = self.watch.judge(self.run)
            self.run.save()

    def _trial(self, scenario: Scenario, world: World) -> Workload:
        settings = self.config.scenario(scenario.slug)
        self.watch.say(f"preparing {scenario.title}")
        data = scenario.prepare(world, settings)
        skipped = scenario.open_optional(world, data)
        for step, why in skipped.items():
            self.watch.say(f"{scenario.title}: {step} is skipped: {why}")
            self._skipped.append(skipped_step(scenario.slug, step, why))
        load = load_of(scenario.slug, settings, self.config.get("seed"))
        return Workload(scenario.with_optional(skipped), world.platform, data, load)

    def _measure(
        self, workloads: Sequence[Workload], placement: Placement, monitor: DatabaseLossMonitor
    ) -> dict[str, Measurement]:
        with Telemetry(placement.generator) as telemetry, chaos_on(monitor.world) as chaos:
            if chaos is not None:
                monitor.excused = lambda: chaos.at_hand
            measured = measure(
                workloads,
                done=self.watch.done,
                save=self._save,
                on_progress=monitor,
                stop=monitor.stop,
                pace=Pace(slice_s=self.config.get("load.slice_s")),
            )
        doubts = [*find_doubts(measured, telemetry.reading()), *self._skipped]
        self.run.record["doubts"] = [doubt.as_dict() for doubt in doubts]
        if chaos is not None:
            recover_s = self.config.get("chaos.recover_s")
            self.run.record["chaos"] = chaos_record(chaos, workloads, measured, recover_s)
        return measured

    def _heard(self, attribution: Attribution, progress: Progress) -> None:
        """A slice has ended: what the server did in it is read before anything else asks the server."""
        attribution.after_slice(progress)
        self.watch.on_progress(progress)

    def _save(self, slug: str, measurement: Measurement) -> None:
        title = next(scenario.title for scenario in self.scenarios if scenario.slug == slug)
        self.run.add_scenario(slug, scenario_entry(title, measurement), measurement.samples)
        self.run.save()

    def _settle(self, workload: Workload, world: World, measurement: Measurement) -> None:
        """Check what must hold, now that the scenario has ended."""
        scenario = workload.scenario
        self.watch.say(f"checking the invariants of {scenario.title}")
        invariants = scenario.invariants(world, workload.data, measurement.samples)
        invariants += recovery_invariants(self.run.record.get("chaos"), scenario.slug)
        entry = self.run.record["scenarios"][scenario.slug]
        entry["invariants"] = [asdict(each) for each in invariants]
        if counters := getattr(workload.data, "counters", None):
            entry["counters"] = counters()
        self.run.save()
