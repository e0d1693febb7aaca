"""A whole measured run: fixtures, all scenarios in turn, their invariants, the migrations; saved as it goes."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psycopg

from tailguard.base.errors import TailguardError
from tailguard.config.merge import Config
from tailguard.engine.event_loop.watch import Hold
from tailguard.engine.measure import Done, Pace, Progress, measure
from tailguard.engine.placement import pinned
from tailguard.engine.summary import scenario_entry
from tailguard.engine.telemetry import Telemetry
from tailguard.engine.workload import Measurement
from tailguard.pipeline.chaos import chaos_of, faults_on
from tailguard.pipeline.control.replay import rates_of
from tailguard.pipeline.control.source import Orders
from tailguard.pipeline.database_loss_monitor import DatabaseLossMonitor
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.migrations import check_live_rows, prove_migrations
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.preparation import Prepared, prepared
from tailguard.pipeline.settling import settle
from tailguard.pipeline.target import placement_of, platform_of, served_target
from tailguard.postgres.attribution import Attribution, attributed
from tailguard.record.files import check_writable
from tailguard.record.objective import Objectives
from tailguard.record.run import Run, new_id
from tailguard.record.run_record import Ended
from tailguard.record.scenario import ScenarioEnded
from tailguard.trust.doubts import find_doubts
from tailguard.trust.suite_doubts import HELD_LOOP, doubts_of_notes, doubts_of_overrides


@dataclass(frozen=True, slots=True)
class Watch:
    """What the caller wants to hear while the run goes on, whether it has seen enough of a scenario, and its orders."""

    done: Done | None = None
    on_progress: Callable[[Progress], object] | None = None
    orders: Orders | None = None


def run_suite(
    config: Config,
    watch: Watch | None = None,
    *,
    objectives: Objectives | None = None,
    command: Sequence[str] = (),
) -> Run:
    """Measure all scenarios that `config` names and return the run, which is on disk from its first sample on.

    It is not judged yet: `tailguard.pipeline.finish.finish` does that, by `objectives`. A run that was interrupted,
    or that lost its database on the way, is saved as such. Raises `UsageError` if a part that a scenario needs cannot
    be had; then there is no run.
    """
    check_live_rows(config)
    check_writable(Path(config.runs_dir))
    config, suite = open_suite(config)
    identity, placement = new_id(), placement_of(config)
    with (
        pinned(placement),
        served_target(config, placement) as target,
        prepared(config, suite, identity, placement, target) as ready,
    ):
        run = Run.start(
            config,
            environment=describe_environment(
                config.folder,
                placement=placement,
                postgres=ready.parts.postgres_record,
                s3=ready.parts.s3_record,
            ),
            command=command,
            identity=identity,
            platform=platform_of(config, ready.run, target),
            objectives=objectives,
        )
        SuiteRun(config, watch or Watch(), run, ready).perform()
    return run


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """The one place that puts together what the parts of a run return, and saves it."""

    config: Config
    watch: Watch
    run: Run
    ready: Prepared

    def perform(self) -> None:
        """Measure, settle, prove the migrations; the run says how it ended."""
        ended, because = Ended.BROKE_OFF, None
        try:
            ended, because = self._measure_all()
        except KeyboardInterrupt:
            ended = Ended.INTERRUPTED
        except TailguardError as error:
            because = str(error)
            raise
        except psycopg.Error as error:
            because = f"the database could no longer be read: {error}".strip()
        finally:
            self.run.finish(ended, because)

    def _measure_all(self) -> tuple[Ended, str | None]:
        """Do everything; returns how the run ended and, if it broke off, why."""
        monitor = DatabaseLossMonitor(self.ready.parts.database)
        measured = self._measure(monitor)
        if monitor.gone:
            return Ended.BROKE_OFF, monitor.gone
        if any(each.ended_because is ScenarioEnded.INTERRUPTED for each in measured.values()):
            return Ended.INTERRUPTED, None
        for scenario in self.ready.scenarios:
            unsettled = settle(
                self.run, scenario, measured[scenario.name].samples, self.config.limits.check_s
            )
            self.run.put_doubts([*self.run.record.doubts, *unsettled])
            self.run.save()
        known = self.run.record.doubts
        noted = (each for each in doubts_of_notes(self.ready.run.notes) if each not in known)
        self.run.put_doubts([*known, *noted])  # what the invariants noted
        prove_migrations(self.run, self.ready.parts, self.config)
        return Ended.COMPLETE, None

    def _measure(self, monitor: DatabaseLossMonitor) -> dict[str, Measurement]:
        """Measure under the ordered faults; put in what was found of machine, faults and server."""
        ready, orders = self.ready, self.watch.orders
        replayed = (orders.replayed or ()) if orders else ()
        workloads = [replace(each, rates=rates_of(replayed, each.scenario.name)) for each in ready.workloads]
        telemetry = Telemetry(ready.run.placement.generator)
        with attributed(ready.parts.database, workloads) as attribution:
            with (
                orders.to(self.run) if orders else nullcontext() as control,
                faults_on(self.config, ready.parts, ready.run) as injector,
            ):
                if injector is not None:
                    monitor.excused = lambda: injector.at_hand
                measured = measure(
                    workloads,
                    done=self.watch.done,
                    save=self._save,
                    on_progress=partial(self._heard, attribution, monitor),
                    stop=monitor.stop,
                    pace=Pace(slice_s=self.config.load.slice_s),
                    telemetry=telemetry,
                    on_held=self._held,
                    run_id=ready.run.id,
                    seed=ready.run.seed,
                    control=control,
                )
            self.run.order_scenarios(measured)
            for name in measured:
                self.run.put_database(name, attribution.server_time(name))
        record = self.run.record
        self.run.put_doubts(
            [
                *find_doubts(record.scenarios, self.run.samples(), record.objectives, telemetry.reading()),
                *ready.doubts,
                *doubts_of_notes(ready.run.notes),
                *doubts_of_overrides(record.overrides or ()),
            ]
        )
        if injector is not None:
            self.run.put_chaos(chaos_of(injector, ready.scenarios, measured, self.config.chaos.recover_s))
        return measured

    def _heard(self, attribution: Attribution, monitor: DatabaseLossMonitor, progress: Progress) -> None:
        """A slice has ended: what the server did in it is read before anything else asks the server."""
        attribution.after_slice(progress)
        if self.watch.on_progress is not None:
            self.watch.on_progress(progress)
        monitor.look(progress.samples)

    def _held(self, hold: Hold) -> None:
        self.ready.run.note(HELD_LOOP, str(hold))

    def _save(self, name: str, measurement: Measurement) -> None:
        title = next(each.title for each in self.ready.scenarios if each.name == name)
        self.run.add_scenario(name, scenario_entry(title, measurement), measurement.samples)
        self.run.save()
