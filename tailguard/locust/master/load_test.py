"""`locust -f scenarios`: target, plan, judge, report and exit code of a Locust run.

Locust itself is met in tailguard/locust/bridge.py only.
"""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any  # locust's options and its page

import msgspec

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.config.suite_table import require_suite
from tailguard.engine.summary import scenario_entry
from tailguard.http.tls import read_tls
from tailguard.judge.exceedance import exceedances, observed_quantile, observed_ratio
from tailguard.judge.objectives import configured_objectives
from tailguard.judge.stopping_rule import StoppingRule
from tailguard.locust.bridge import fast_connections
from tailguard.locust.master.doubts import doubts_of
from tailguard.locust.master.live import COLUMNS, nothing_yet, row
from tailguard.locust.master.master import Master
from tailguard.locust.master.measurement import broadcasts_of, measurement_of
from tailguard.locust.master.plan import (
    configure,
    planned_of,
    schedules_of,
    settings_for_workers,
    target_of,
)
from tailguard.locust.master.run_fixtures import Made, Order, run_fixtures
from tailguard.locust.master.tab import add_tab
from tailguard.locust.messages import Begin, Plan
from tailguard.locust.options import add_options, selection
from tailguard.locust.suite_hash import scenarios_sha256
from tailguard.locust.worker.table import Tell
from tailguard.locust.worker.workplace import FixtureWorkplace
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.finish import finish
from tailguard.pipeline.target import platform_of
from tailguard.record.locust import Locust
from tailguard.record.objective import Objectives
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.samples import Samples
from tailguard.record.scenario import ScenarioEnded
from tailguard.suite import run as suite_run
from tailguard.suite.data import from_data
from tailguard.suite.discovery import Suite, open_suite

# Negative iterations of warm-up, one after the other on every worker and scenario: enough for connections and caches.
MOST_WARMUP = 20
# A save writes all samples anew, and the master's loop waits for it: seldom enough not to delay anything.
SAVE_EVERY_S = 30.0
# On a target that was used before, iterations begin anywhere in so many: what was done there once is not done twice.
MOST_FIRST_ITERATION = 4_000_000


class LoadTest:
    """A suite's scenarios at its target, as tailguard.locust.hooks.LoadTestHooks."""

    def __init__(self) -> None:
        self._fixtures = ExitStack()  # of the last run
        self._config: Config
        self._suite: Suite
        self._objectives: Objectives
        self._run: Run | None = None
        self._noted: suite_run.Run
        self._skipped: dict[str, str] = {}
        self._watched = False
        self._live: list[dict[str, str]] = []

    def open_workplace(self, begin: Begin, clock: Clock, tell: Tell) -> FixtureWorkplace:
        """Open a worker's workplace."""
        return FixtureWorkplace(begin, clock, tell, fast_connections(begin.plan.tls))

    def add_options(self, parser: Any) -> None:
        """Add our options to locust's."""
        add_options(parser)

    def begin(self, options: Any, host: str, slugs: Sequence[str]) -> tuple[str, Plan]:
        """Have the run's fixtures made and make the plan for the workers. Raises TailguardError for what cannot be."""
        self._fixtures.close()
        self._run = None
        chosen = selection(options, host)
        self._config = config = configure(chosen, slugs)
        self._suite = open_suite(config)
        self._objectives = configured_objectives(config, self._suite.steps)
        self._rule = StoppingRule(self._objectives)
        self._until_decided = bool(options.tailguard_until_decided)
        self._live = nothing_yet([each.name for each in self._objectives.items])
        schedules = schedules_of(options, config, slugs)
        planned = planned_of(config, slugs, schedules)
        target = target_of(chosen, config)
        tls = read_tls(target.file)
        run = self._start()
        made = self._make(Order(selection=chosen, run=run.record.id, planned=planned, target=target))
        return run.record.id, Plan(
            scenarios_sha256=scenarios_sha256(require_suite(config.suite)),
            target=target,
            tls=tls,
            run_values=bytes(made.values),
            planned={slug: most for slug, most in planned.items() if slug not in made.skipped},
            profile=config.profile,
            settings=settings_for_workers(config),
            warmup=min(config.load.warmup, MOST_WARMUP),
            first_iteration=int(run.record.id, 16) % MOST_FIRST_ITERATION if target.url else 0,
            schedules=schedules,
            keep_raw=options.tailguard_keep_raw,
        )

    def _start(self) -> Run:
        self._run = run = Run.start(
            self._config,
            environment=describe_environment(),
            command=[Path(sys.argv[0]).name, *sys.argv[1:]],
            objectives=self._objectives,
        )
        self._save_s = time.monotonic() + SAVE_EVERY_S
        return run

    def _make(self, order: Order) -> Made:
        """Have the fixtures of scope "run" made; they are kept until the next run or `close`."""
        assert self._run is not None
        if not order.target.url:
            say("No --host was given: the suite serves what is measured itself, for the length of this test.")
        made = self._fixtures.enter_context(run_fixtures(order))
        self._noted = suite_run.Run(order.run, self._config.seed, order.planned)
        for name, value in msgspec.json.decode(made.notes).items():
            self._noted.note(name, from_data(value))
        self._skipped = dict(made.skipped)
        for slug, why in self._skipped.items():
            say(f"SKIPPED, and so neither passed nor failed: {slug}: {why}")
        if not order.planned.keys() - made.skipped.keys():
            raise UsageError(
                "None of these scenarios can be played here: there is nothing to measure. Choose other scenarios, or "
                "give the target's file the steps that were named as missing."
            )
        self._run.put_environment(made.environment)
        platform = platform_of(self._config, self._noted)
        self._run.put_platform(msgspec.structs.replace(platform, adapter=f"{platform.adapter}, by locust"))
        self._run.save()
        return made

    def look(self, master: Master) -> bool:
        """Ask the judge where each objective stands, if somebody wants to know."""
        self._save(master)
        if not (self._until_decided or self._watched):
            return False
        decided, live = [], []
        for slug in master.plan.scenarios:
            samples = master.inbox.samples(slug, self._suite.steps[slug])
            closed = self._rule(slug, samples)
            decided.append(closed and fewest_ok(samples) >= self._config.load_of(slug).min_samples)
            live += self._standing(slug, samples)
        self._live = live
        return self._until_decided and all(decided)

    def finish(self, master: Master, faults: Sequence[str], ended: ScenarioEnded) -> int:
        """Save, judge and report what has come."""
        run = self._run
        assert run is not None
        for name, text in master.notes().items():
            self._noted.note(name, text)
        self._keep(run, master, ended)
        broadcasts = broadcasts_of(master)
        skipped = {**self._skipped, **master.skipped}
        run.put_doubts(
            doubts_of(run.record.scenarios, run.samples(), master, self._noted, skipped, broadcasts)
        )
        run.put_locust(
            Locust(
                scenarios_sha256=master.plan.scenarios_sha256,
                workers=dict(master.workers),
                joined_late=tuple(master.late),
                faults=tuple(faults),
                broadcasts=broadcasts,
                load={worker: told.load for worker, told in master.inbox.ledgers().items()},
            )
        )
        if ended is ScenarioEnded.INTERRUPTED:
            run.finish(Ended.INTERRUPTED)
        elif faults:
            run.finish(Ended.BROKE_OFF, "; ".join(faults))
        else:
            run.finish(Ended.COMPLETE)
        return finish(run, self._config.suite)

    def refuse(self, because: str) -> None:
        """Mark the run's folder, if there is one, as that of a run which never began."""
        if self._run is not None:
            self._run.finish(Ended.BROKE_OFF, because)

    def attach(self, web_ui: Any) -> None:
        """Add the tab "SLO" to locust's web page."""
        self._watched = True
        add_tab(web_ui, "SLO", COLUMNS, lambda: self._live)

    def close(self) -> None:
        """End what was started for the last run."""
        self._fixtures.close()

    def _keep(self, run: Run, master: Master, ended: ScenarioEnded) -> None:
        """Put into the run what has come of each scenario."""
        for slug in master.plan.scenarios:
            scenario, skipped = self._suite.scenarios[slug], self._noted.skipped_steps(slug)
            steps = [step for step in scenario.steps if step not in skipped]
            measurement = measurement_of(slug, steps, master, ended)
            entry = scenario_entry(scenario.title, measurement, master.invariants.get(slug, ()))
            run.add_scenario(slug, entry, measurement.samples)

    def _save(self, master: Master) -> None:
        """Save what has come so far, now and then: a master that is killed loses no more than that."""
        if self._run is not None and time.monotonic() >= self._save_s:
            self._keep(self._run, master, ScenarioEnded.RUNNING)
            self._run.save()
            self._save_s = time.monotonic() + SAVE_EVERY_S

    def _standing(self, slug: str, samples: Samples) -> list[dict[str, str]]:
        rows, states = [], self._rule.standing(slug)
        for objective in self._objectives.of(slug):
            observe = observed_quantile if objective.metric == "latency" else observed_ratio
            observed = observe(samples, objective) if len(samples) else None
            n = len(exceedances(samples, objective))
            rows.append(row(objective.name, n, observed, objective.metric, states[objective.name]))
        return rows


def fewest_ok(samples: Samples) -> int:
    """Return how many ok samples the step has that has the fewest, of those that were met; 0 if none was."""
    met = [step for number, step in enumerate(samples.steps) if (samples.step == number).any()]
    return min((int(samples.ok(step).sum()) for step in met), default=0)


def say(text: str) -> None:
    """Tell the user, beside locust's log."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
