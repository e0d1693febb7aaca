"""A run that grows by one scenario after another, each judged as soon as it was measured: a run of pytest."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event

from msgspec import structs

from tailguard.base.state import State
from tailguard.config.merge import Config
from tailguard.engine.measure import Pace, measure
from tailguard.engine.players import Making, in_threads
from tailguard.engine.summary import scenario_entry
from tailguard.engine.telemetry import Telemetry
from tailguard.engine.workload import Measurement, Workload
from tailguard.judge.stopping_rule import StoppingRule
from tailguard.judge.verdicts import judge_run
from tailguard.pipeline.environment import describe_environment
from tailguard.pytest_plugin.question import Answer
from tailguard.record.doubt import Doubt
from tailguard.record.environment import Placement
from tailguard.record.files import check_writable
from tailguard.record.objective import Objectives
from tailguard.record.run import Run, new_id
from tailguard.record.run_record import Ended
from tailguard.record.samples import Samples
from tailguard.record.scenario import ScenarioEnded
from tailguard.record.verdict import ObjectiveVerdict, Verdict
from tailguard.suite.discovery import Suite
from tailguard.suite.run import Run as SuiteRun
from tailguard.trust.doubts import find_doubts
from tailguard.trust.suite_doubts import HELD_LOOP, doubts_of_notes

# What calls a run of pytest makes is the test's own process: nothing is moved to cores of its own.
_UNPINNED = Placement(generator=None, server=None, pinned=False)


@dataclass(slots=True)
class GrowingRun:
    """A run on disk that is complete, judged and saved after each scenario; there is none before the first.

    Attributes:
        stop: ends the measurement at hand at once if another thread sets it.
    """

    config: Config
    command: Sequence[str]
    run: Run | None = None
    stop: Event = field(default_factory=Event)
    _identity: str = field(default_factory=new_id)

    def load(self, folder: Path) -> None:
        """Go on with a run that another process has begun, or has gone on with."""
        self.run = Run.load(folder)
        self.run.samples()  # those so far stay
        self._identity = self.run.record.id

    def ask(
        self, workload: Workload, objectives: Objectives, players: Making, beside: Sequence[Doubt] = ()
    ) -> Answer:
        """Measure a workload until its objectives are decided or one of them is breached, and judge it.

        `beside` are doubts that its measurement begins with. Raises KeyboardInterrupt when what was measured is saved.
        """
        check_writable(Path(self.config.runs_dir))
        told = SuiteRun(self._identity, self.config.seed)
        with self._asked(workload.scenario.name, objectives):
            measured, doubts = self._measured(workload, objectives, players, told)
        run = self._taken(measured, workload.scenario.title, objectives)
        return _answer(run, measured, objectives, [*doubts, *doubts_of_notes(told.notes), *beside])

    def ask_scenario(
        self, config: Config, suite: Suite, objectives: Objectives, beside: Sequence[Doubt] = ()
    ) -> Answer:
        """Measure the one scenario of a suite on its fixtures, as `ask` does, and check its invariants."""
        # The libraries of the built-in servers take seconds to import, and a call needs none.
        from tailguard.pipeline.preparation import prepared  # noqa: PLC0415
        from tailguard.pipeline.settling import settle  # noqa: PLC0415
        from tailguard.pipeline.target import target_of  # noqa: PLC0415

        check_writable(Path(self.config.runs_dir))
        with prepared(config, suite, self._identity, _UNPINNED, target_of(config)) as ready:
            [scenario], [workload] = ready.scenarios, ready.workloads
            with self._asked(scenario.name, objectives):
                measured, doubts = self._measured(workload, objectives, in_threads, ready.run)
            run = self._taken(measured, scenario.title, objectives)
            unchecked = settle(run, scenario, measured.samples, config.limits.check_s)
            doubts = [*doubts, *ready.doubts, *unchecked, *doubts_of_notes(ready.run.notes), *beside]
            servers = {"postgres": ready.parts.postgres_record, "s3": ready.parts.s3_record}
            run.put_environment(structs.replace(run.record.environment, **servers))
        return _answer(run, measured, objectives, doubts)

    @contextmanager
    def _asked(self, name: str, objectives: Objectives) -> Iterator[None]:
        """Let the run on disk wait for an answer meanwhile: if this process is killed, it has not passed.

        If nothing could be measured, nothing was asked, and the run is as before.
        """
        if self.run is None:
            yield
            return
        before = self.run.record
        self._put_asked(self.run, name, objectives)
        self.run.go_on()
        try:
            yield
        except Exception:
            self.run.record = before
            self.run.save()
            raise

    @staticmethod
    def _put_asked(run: Run, name: str, objectives: Objectives) -> None:
        """Put the objectives of a scenario in place of those that an earlier measurement of it was judged by."""
        others = [each for each in run.record.verdicts if not _is_of(each, name)]
        run.put_verdicts(others, _joined(run.record.objectives, name, objectives))

    def _measured(
        self, workload: Workload, objectives: Objectives, players: Making, told: SuiteRun
    ) -> tuple[Measurement, list[Doubt]]:
        telemetry = Telemetry()
        [measured] = measure(
            [replace(workload, load=replace(workload.load, min_samples=0))],
            done=partial(_is_answered, StoppingRule(objectives)),
            stop=self.stop,
            pace=Pace(slice_s=self.config.load.slice_s),
            telemetry=telemetry,
            on_held=lambda hold: told.note(HELD_LOOP, str(hold)),
            run_id=self._identity,
            seed=self.config.seed,
            players=players,
        ).values()
        entry = scenario_entry(workload.scenario.title, measured)
        name = workload.scenario.name
        return measured, find_doubts({name: entry}, {name: measured.samples}, objectives, telemetry.reading())

    def _taken(self, measured: Measurement, title: str, objectives: Objectives) -> Run:
        """Return the run with a measurement more, in place of an earlier one of the same test."""
        run = self.run = self.run or Run.start(
            self.config,
            environment=describe_environment(self.config.folder),
            command=self.command,
            identity=self._identity,
        )
        run.add_scenario(measured.samples.scenario, scenario_entry(title, measured), measured.samples)
        name = measured.samples.scenario
        self._put_asked(run, name, objectives)
        run.put_doubts([each for each in run.record.doubts if each.scenario != name])
        if measured.ended_because is ScenarioEnded.INTERRUPTED:
            run.finish(Ended.INTERRUPTED)
            raise KeyboardInterrupt
        return run


def _is_of(verdict: Verdict, scenario: str) -> bool:
    return isinstance(verdict, ObjectiveVerdict) and verdict.objective.scenario == scenario


def _joined(before: Objectives | None, name: str, objectives: Objectives) -> Objectives:
    if before is None:
        return objectives
    others = tuple(item for item in before.items if item.scenario != name)
    rules = {**before.rules, **objectives.rules}
    return structs.replace(before, items=(*others, *objectives.items), rules=rules)


def _answer(run: Run, measured: Measurement, objectives: Objectives, doubts: Iterable[Doubt]) -> Answer:
    """Judge one scenario, save the run; what the machine did while it was measured concerns no other one."""
    own = tuple(structs.replace(each, scenario=measured.samples.scenario) for each in doubts)
    run.put_doubts([*run.record.doubts, *own])
    run.finish(Ended.COMPLETE)
    verdicts = judge_run(run, objectives)
    run.put_verdicts([*run.record.verdicts, *verdicts])
    run.put_exit_code(run.record.deserved_exit_code)
    run.save()
    return Answer(verdicts, own, measured.said, run.folder)


def _is_answered(rule: StoppingRule, name: str, samples: Samples) -> bool:
    """Whether all limits are decided, or one is breached: then the test fails, whatever the others would be."""
    return rule(name, samples) or State.FAIL in rule.standing(name).values()
