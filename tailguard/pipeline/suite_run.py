"""A whole measured run: the world, all scenarios in turn, their invariants, the migrations; saved as it goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
from tailguard.judge.recovery import recovery_invariants
from tailguard.pipeline.chaos import chaos_of, faults_on
from tailguard.pipeline.database_loss_monitor import DatabaseLossMonitor
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.loads import load_of
from tailguard.pipeline.migrations import check_live_rows, prove_migrations
from tailguard.pipeline.world import World, world_environment
from tailguard.postgres.attribution import Attribution, attributed
from tailguard.record.doubt import Doubt
from tailguard.record.objective import Objectives
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.scenario import ScenarioEnded
from tailguard.suite.parts import parts_of
from tailguard.suite.registry import load_scenarios
from tailguard.trust.doubts import find_doubts
from tailguard.trust.scenario_doubts import skipped_step


def nothing(*_: Any) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What the caller wants to hear while the run goes on, and whether it has seen enough of a scenario."""

    done: Done | None = None
    on_progress: Callable[[Progress], None] = nothing
    say: Callable[[str], None] = nothing


def run_suite(
    config: Config,
    watch: Watch | None = None,
    *,
    objectives: Objectives | None = None,
    command: Sequence[str] = (),
) -> Run:
    """Measure all scenarios that `config` names and return the run, which is on disk from its first sample on.

    It is not judged yet: `tailguard.pipeline.finish.finish` does that, by `objectives`. A run that was interrupted,
    or that lost its database on the way, is saved as such. Raises `UsageError` if the world cannot be built, after
    saying so in the run.
    """
    scenarios = load_scenarios(config)
    faults = parts_of(config.suite).read_faults().names()
    run = Run.start(
        config, environment=describe_environment(), command=command, faults=faults, objectives=objectives
    )
    ended, because = Ended.BROKE_OFF, None
    try:
        ended, because = SuiteRun(config, scenarios, watch or Watch(), run).measure_all()
    except KeyboardInterrupt:
        ended = Ended.INTERRUPTED
    except TailguardError as error:
        because = str(error)
        raise
    except psycopg.Error as error:
        because = f"the database could not be read any more: {error}".strip()
    finally:
        run.finish(ended, because)
    return run


@dataclass(slots=True)
class SuiteRun:
    """The one place that puts together what the parts of a run return, and saves it."""

    config: Config
    scenarios: Sequence[Scenario]
    watch: Watch
    run: Run
    _skipped: list[Doubt] = field(default_factory=list)

    def measure_all(self) -> tuple[Ended, str | None]:
        """Do everything; returns how the run ended and, if it broke off, why."""
        check_live_rows(self.config)
        placement = choose_placement(pin=self.config.get("placement.pin"))
        needs = frozenset[str]().union(*(scenario.needs for scenario in self.scenarios))
        with (
            pinned(placement),
            parts_of(self.config.suite).open_world(
                self.config, needs, self.run.record.id, placement=placement, say=self.watch.say
            ) as world,
        ):
            self.run.put_environment(world_environment(world))
            workloads = [self._workload(scenario, world) for scenario in self.scenarios]
            monitor = DatabaseLossMonitor(world)
            measured = self._measure(workloads, monitor)
            if monitor.gone:
                return Ended.BROKE_OFF, monitor.gone
            if any(each.ended_because is ScenarioEnded.INTERRUPTED for each in measured.values()):
                return Ended.INTERRUPTED, None
            for workload in workloads:
                self._settle(workload, world, measured[workload.scenario.slug])
            prove_migrations(self.run, world, self.config, self.watch.say)
        return Ended.COMPLETE, None

    def _workload(self, scenario: Scenario, world: World) -> Workload:
        settings = self.config.scenario(scenario.slug)
        self.watch.say(f"preparing {scenario.title}")
        data = scenario.prepare(world, settings)
        skipped = scenario.open_optional(world, data)
        for step, why in skipped.items():
            self.watch.say(f"{scenario.title}: {step} is skipped: {why}")
            self._skipped.append(skipped_step(scenario.slug, step, why))
        load = load_of(scenario.slug, settings, self.config.get("seed"))
        return Workload(scenario.with_optional(skipped), world.platform, data, load)

    def _measure(self, workloads: Sequence[Workload], monitor: DatabaseLossMonitor) -> dict[str, Measurement]:
        """Measure under the ordered faults; put in what was found of machine, faults and server."""
        world = monitor.world
        with attributed(world.database, workloads) as attribution:
            with Telemetry(world.placement.generator) as telemetry, faults_on(world) as injector:
                if injector is not None:
                    monitor.excused = lambda: injector.at_hand
                measured = measure(
                    workloads,
                    done=self.watch.done,
                    save=self._save,
                    on_progress=partial(self._heard, attribution, monitor),
                    stop=monitor.stop,
                    pace=Pace(slice_s=self.config.get("load.slice_s")),
                )
            for slug in measured:
                self.run.put_database(slug, attribution.server_time(slug))
        self.run.put_doubts(
            [*find_doubts(self.run.record.scenarios, self.run.samples(), telemetry.reading()), *self._skipped]
        )
        if injector is not None:
            self.run.put_chaos(chaos_of(injector, workloads, measured, self.config.get("chaos.recover_s")))
        return measured

    def _heard(self, attribution: Attribution, monitor: DatabaseLossMonitor, progress: Progress) -> None:
        """A slice has ended: what the server did in it is read before anything else asks the server."""
        attribution.after_slice(progress)
        self.watch.on_progress(progress)
        monitor.look(progress.samples)

    def _save(self, slug: str, measurement: Measurement) -> None:
        title = next(scenario.title for scenario in self.scenarios if scenario.slug == slug)
        self.run.add_scenario(slug, scenario_entry(title, measurement), measurement.samples)
        self.run.save()

    def _settle(self, workload: Workload, world: World, measurement: Measurement) -> None:
        """Check what must hold, now that the scenario has ended."""
        scenario, chaos = workload.scenario, self.run.record.chaos
        self.watch.say(f"checking the invariants of {scenario.title}")
        invariants = scenario.invariants(world, workload.data, measurement.samples)
        if chaos is not None:
            invariants += recovery_invariants(chaos, scenario.slug)
        self.run.put_invariants(scenario.slug, invariants)
        self.run.put_counters(scenario.slug, scenario.counters(workload.data))
        self.run.save()
