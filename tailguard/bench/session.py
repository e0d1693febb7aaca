"""A benchmark of commands: rounds in random order until it is decided, the record, the report, the exit code."""

import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tailguard.base.errors import TailguardError
from tailguard.base.output.streams import say
from tailguard.bench.commands import Command, filled
from tailguard.bench.execution import Environment, execute, run_aside
from tailguard.compare.bench_comparison import STEP, compare_commands
from tailguard.compare.comparison import decided
from tailguard.compare.gate import LOOKS
from tailguard.config.merge import Config
from tailguard.engine.recorder import Recorder
from tailguard.engine.summary import scenario_entry
from tailguard.engine.workload import Measurement
from tailguard.judge.stopping_rule import StoppingRule
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.finish import finish
from tailguard.record.bench import Bench, TimedCommand
from tailguard.record.objective import Margins, Objectives
from tailguard.record.run import Run
from tailguard.record.run_record import Ended, Platform
from tailguard.record.samples import OK, Samples, pack_code
from tailguard.record.scenario import ClosedSchedule, ScenarioEnded

# Starts of the shell alone that say what is taken off each run.
SHELL_STARTS = 20
SAVE_EVERY_S = 5.0
_OK_CODE = pack_code(0, OK, 0, 0)


@dataclass(frozen=True, slots=True)
class Aside:
    """What is run and not timed: once before each command's first run, before and after each run, once at the end."""

    setup: str = ""
    prepare: str = ""
    conclude: str = ""
    cleanup: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a benchmark is to do; it ends when all is decided, after `rounds` rounds or `seconds`."""

    commands: Sequence[Command]
    around: Environment
    aside: Aside
    margins: Margins
    objectives: Objectives | None
    warmup: int
    rounds: int
    fewest: int
    seconds: float


@dataclass(slots=True)
class BenchExecution:
    """A benchmark on its way."""

    plan: Plan
    run: Run
    _recorders: dict[str, Recorder] = field(default_factory=dict)
    _shell_ns: int = 0
    _saved_s: float = 0.0

    def perform(self) -> Run:
        """Measure until decided; the run is saved on the way, and says how it ended."""
        ended, because = Ended.BROKE_OFF, None
        self._recorders = {each.name: Recorder() for each in self.plan.commands}
        try:
            self._measure()
            ended = Ended.COMPLETE
        except KeyboardInterrupt:
            ended = Ended.INTERRUPTED
        except TailguardError as error:
            because = str(error)
            say(because, err=True)
        finally:
            self._keep(ScenarioEnded.INTERRUPTED if ended is Ended.INTERRUPTED else ScenarioEnded.DECIDED)
            self.run.finish(ended, because)
        return self.run

    def _measure(self) -> None:
        plan, order = self.plan, random.Random(self.run.record.seed)  # noqa: S311  # an order, not a secret
        self._shell_ns = _shell_start_ns(plan.around)
        try:
            for command in plan.commands:
                run_aside(filled(plan.aside.setup, command.parameters), plan.around, "--setup")
                for _ in range(plan.warmup):
                    self._time(command)
            rule = StoppingRule(plan.objectives) if plan.objectives else None
            ends_s = time.monotonic() + plan.seconds
            for number in range(1, plan.rounds + 1):
                for command in order.sample(plan.commands, len(plan.commands)):
                    self._recorders[command.name].append(*self._time(command), _OK_CODE)
                self._save_now_and_then()
                if number >= plan.fewest and (self._is_decided(number, rule) or time.monotonic() >= ends_s):
                    break
        finally:
            for command in plan.commands:
                run_aside(filled(plan.aside.cleanup, command.parameters), plan.around, "--cleanup")

    def _time(self, command: Command) -> tuple[int, int, int]:
        """Run a command once; returns the instants of its sample."""
        aside, around = self.plan.aside, self.plan.around
        run_aside(filled(aside.prepare, command.parameters), around, "--prepare")
        done = execute(command.text, around)
        run_aside(filled(aside.conclude, command.parameters), around, "--conclude")
        began_ns = min(done.started_ns + self._shell_ns, done.ended_ns)
        return began_ns, began_ns, done.ended_ns

    def _is_decided(self, number: int, rule: StoppingRule | None) -> bool:
        if rule is None and number not in LOOKS:
            return False
        samples, compared = self._samples(), any(each.baseline for each in self.plan.commands)
        limited = {each.scenario for each in self.plan.objectives.items} if self.plan.objectives else set()
        if rule is not None and {name for name in limited if rule(name, samples[name])} != limited:
            return False
        if not compared:
            return rule is not None
        return number in LOOKS and decided(compare_commands(self._bench(), samples))

    def _samples(self) -> dict[str, Samples]:
        return {
            name: each.samples(name, (STEP,), ("",)) for name, each in self._recorders.items() if len(each)
        }

    def _bench(self) -> Bench:
        plan = self.plan
        commands = {
            each.name: TimedCommand(text=each.text, parameters=dict(each.parameters), baseline=each.baseline)
            for each in plan.commands
        }
        return Bench(
            commands=commands,
            margins=plan.margins,
            rounds=plan.rounds,
            shell=plan.around.shell,
            shell_ms=self._shell_ns / 1e6,
        )

    def _save_now_and_then(self) -> None:
        if time.monotonic() - self._saved_s > SAVE_EVERY_S:
            self._keep(ScenarioEnded.RUNNING)
            self.run.save()
            self._saved_s = time.monotonic()

    def _keep(self, because: ScenarioEnded) -> None:
        """Put what there is so far into the record."""
        for name, samples in self._samples().items():
            measured_s = float((samples.ended_ns - samples.started_ns).sum()) / 1e9
            self.run.add_scenario(
                name,
                scenario_entry(name, _measurement(samples, measured_s, self.plan.warmup, because)),
                samples,
            )
        self.run.put_bench(self._bench())


def run_bench(config: Config, plan: Plan) -> tuple[Run, int]:
    """Perform a benchmark and report it; returns its run and its exit code."""
    run = Run.start(
        config,
        environment=describe_environment(config.folder),
        command=["tailguard", *sys.argv[1:]],
        platform=Platform(adapter="commands"),
        objectives=plan.objectives,
    )
    BenchExecution(plan, run).perform()
    return run, finish(run, config.suite)


def _shell_start_ns(around: Environment) -> int:
    """Return how long the shell takes to start and end, at the median; 0 without one."""
    if not around.shell:
        return 0
    spent = (execute("true", around) for _ in range(SHELL_STARTS))
    return int(statistics.median(each.ended_ns - each.started_ns for each in spent))


def _measurement(samples: Samples, measured_s: float, warmup: int, because: ScenarioEnded) -> Measurement:
    return Measurement(
        samples=samples,
        schedule=ClosedSchedule(clients=1, workers=1),
        warmup=warmup,
        offered_rate_per_s=None,
        achieved_rate_per_s=len(samples) / measured_s if measured_s else 0.0,
        measured_s=measured_s,
        own_s=0.0,
        lateness_ns=np.empty(0, np.int64),
        ended_because=because,
    )
