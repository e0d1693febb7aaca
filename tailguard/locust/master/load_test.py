"""`locust -f scenarios`: target, plan, judge, report and exit code of a Locust run.

Locust itself is met in tailguard/locust/bridge.py only.
"""

import ssl
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any  # the suite's parts, locust's options and its page

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.config.suite_table import find_file, require_suite, suite_in
from tailguard.engine.summary import scenario_entry
from tailguard.http.remote_target import Credential, MappedTarget, RemoteTarget
from tailguard.judge.exceedance import exceedances, observed_quantile, observed_ratio
from tailguard.judge.objectives import configured_objectives
from tailguard.judge.stopping_rule import StoppingRule
from tailguard.locust.bridge import fast_connections
from tailguard.locust.master.doubts import doubts_of
from tailguard.locust.master.live import COLUMNS, nothing_yet, row
from tailguard.locust.master.master import Master
from tailguard.locust.master.measurement import broadcasts_of, measurement_of
from tailguard.locust.master.plan import configure, schedules_of, settings_for_workers, target_of
from tailguard.locust.master.tab import add_tab
from tailguard.locust.messages import Begin, Plan
from tailguard.locust.options import add_options, selection
from tailguard.locust.suite_hash import scenarios_sha256
from tailguard.locust.worker.scenario_executor import Tell
from tailguard.locust.worker.workplace import HttpWorkplace
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.finish import finish
from tailguard.record.locust import Locust
from tailguard.record.run import Run
from tailguard.record.run_record import Ended, Platform
from tailguard.record.samples import Samples
from tailguard.record.scenario import ScenarioEnded
from tailguard.suite.parts import parts_of
from tailguard.suite.registry import known_steps, load_scenarios

if TYPE_CHECKING:
    from tailguard.engine.scenario import Scenario

# Negative iterations of warm-up, one after the other on every worker and scenario: enough for connections and caches.
MOST_WARMUP = 20
# A save writes all samples anew, and the master's loop waits for it: seldom enough not to delay anything.
SAVE_EVERY_S = 30.0
# On a target that was used before, iterations begin anywhere in so many: what was done there once is not done twice.
MOST_FIRST_ITERATION = 4_000_000


class LoadTest:
    """A suite's scenarios at its target, as tailguard.locust.hooks.LoadTestHooks."""

    def __init__(self) -> None:
        self._reference: Any = None
        self._suite = suite_in(find_file())
        self._parts = parts_of(self._suite)
        self._tls: ssl.SSLContext | None = None
        self._used = False
        self._target: Any = None
        self._skipped: dict[str, str] = {}
        self._watched = False
        self._live: list[dict[str, str]] = []
        self._scenarios: list[Scenario] = []

    def open_workplace(self, begin: Begin, clock: Clock, tell: Tell) -> HttpWorkplace:
        """Open a worker's workplace."""
        self._tls = self._tls_of(begin.plan.target.mapping)
        return HttpWorkplace(begin, clock, tell, fast_connections())

    def tls(self) -> ssl.SSLContext:
        """Return the SSL context of this worker's present target."""
        return self._tls or ssl.create_default_context()

    def add_options(self, parser: Any) -> None:
        """Add our options to locust's."""
        add_options(parser)

    def find_host(self, options: Any) -> str:
        """Return --host, or start the reference platform and say so."""
        self._target = target_of(options, self._parts)
        if options.host:
            return str(options.host).rstrip("/")
        if self._target is not None:
            raise UsageError(f"{self._target.source} describes a target, but no --host says where it is")
        self._reference = self._parts.start_reference(selection(options), 0, say)
        say(
            f"No --host was given: the reference platform runs at {self._reference.url} "
            "with servers of its own, for the length of this test."
        )
        return str(self._reference.url)

    def playable(self, slugs: Sequence[str]) -> list[str]:
        """Return the scenarios that the target can be asked for, and tell the user which are left out."""
        self._skipped = self._target.skipped(slugs) if self._target else {}
        for slug, reason in self._skipped.items():
            say(f"SKIPPED, and so neither passed nor failed: {slug}: {reason}")
        return [slug for slug in slugs if slug not in self._skipped]

    def begin(self, options: Any, host: str, slugs: Sequence[str]) -> tuple[str, Plan]:
        """Make the plan for the workers and the run's folder. Raises TailguardError for what cannot be."""
        self._config = config = configure(options, slugs)
        self._scenarios = load_scenarios(config)
        self._objectives = configured_objectives(config, known_steps(config.suite))
        self._rule = StoppingRule(self._objectives)
        self._until_decided = bool(options.tailguard_until_decided)
        self._live = nothing_yet([each.name for each in self._objectives.items])
        schedules = schedules_of(options, config, slugs)
        reference = self._renewed(options, host)
        target = self._remote_target(reference, host)
        self._start(reference, host)
        return self._run.record.id, Plan(
            scenarios_sha256=scenarios_sha256(require_suite(config.suite)),
            target=target,
            profile=config.profile,
            settings=settings_for_workers(config),
            scenarios=tuple(slugs),
            warmup=min(config.get("load.warmup"), MOST_WARMUP),
            first_iteration=0 if reference else int(self._run.record.id, 16) % MOST_FIRST_ITERATION,
            schedules=schedules,
            keep_raw=options.tailguard_keep_raw,
        )

    def _remote_target(self, reference: Any, host: str) -> RemoteTarget:
        self._host = host
        if self._target is None:
            secret = self._parts.secret_of(reference)
            return RemoteTarget(
                host=host, secret=secret, mapping=None, conninfo=reference.conninfo if reference else ""
            )
        self._renew_s = self._next_renewal_s(self._target)
        return RemoteTarget(host=host, secret="", mapping=self._parts.packed(self._target, host))

    def _start(self, reference: Any, host: str) -> None:
        self._run = Run.start(
            self._config,
            environment=reference.environment if reference else describe_environment(),
            command=[Path(sys.argv[0]).name, *sys.argv[1:]],
            objectives=self._objectives,
        )
        faults = reference.faults if reference else ()
        self._run.put_platform(Platform(adapter="http, by locust", faults=faults, host=host))
        self._run.save()
        self._save_s = time.monotonic() + SAVE_EVERY_S

    def renewal(self) -> Sequence[Credential] | None:
        """Log everybody in again if the target's tokens are about to expire."""
        if self._target is None or not self._target.login or time.monotonic() < self._renew_s:
            return None
        self._renew_s = self._next_renewal_s(self._target)
        credentials: Sequence[Credential] = self._parts.log_in(self._target, self._host)
        return credentials

    def look(self, master: Master) -> bool:
        """Ask the judge where each objective stands, if somebody wants to know."""
        self._save(master)
        if not (self._until_decided or self._watched):
            return False
        decided, live = [], []
        for scenario in self._scenarios:
            samples = master.inbox.samples(scenario.slug, scenario.steps)
            enough = min((int(samples.ok(step).sum()) for step in scenario.steps), default=0)
            closed = self._rule(scenario.slug, samples)
            decided.append(closed and enough >= self._config.scenario(scenario.slug)["min_samples"])
            live += self._standing(scenario.slug, samples)
        self._live = live
        return self._until_decided and all(decided)

    def finish(self, master: Master, faults: Sequence[str], ended: ScenarioEnded) -> int:
        """Save, judge and report what has come."""
        run = self._run
        self._keep(master, ended)
        broadcasts = broadcasts_of(master)
        run.put_doubts(doubts_of(run.record.scenarios, run.samples(), master, self._skipped, broadcasts))
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
        return finish(run, self._suite)

    def refuse(self, because: str) -> None:
        """Mark the run's folder as that of a run which never began."""
        self._run.finish(Ended.BROKE_OFF, because)

    def attach(self, web_ui: Any) -> None:
        """Add the tab "SLO" to locust's web page."""
        self._watched = True
        add_tab(web_ui, "SLO", COLUMNS, lambda: self._live)

    def close(self) -> None:
        """End the reference platform."""
        reference, self._reference = self._reference, None
        if reference is not None:
            reference.close()

    def _keep(self, master: Master, ended: ScenarioEnded) -> None:
        """Put into the run what has come of each scenario."""
        for scenario in self._scenarios:
            measurement = measurement_of(scenario, master, ended)
            entry = scenario_entry(scenario.title, measurement, master.invariants.get(scenario.slug, ()))
            self._run.add_scenario(scenario.slug, entry, measurement.samples)

    def _save(self, master: Master) -> None:
        """Save what has come so far, now and then: a master that is killed loses no more than that."""
        if time.monotonic() >= self._save_s:
            self._keep(master, ScenarioEnded.RUNNING)
            self._run.save()
            self._save_s = time.monotonic() + SAVE_EVERY_S

    def _next_renewal_s(self, target: Any) -> float:
        return time.monotonic() + float(target.login.get(self._parts.RENEW, self._parts.RENEW_AFTER_S))

    def _standing(self, slug: str, samples: Samples) -> list[dict[str, str]]:
        rows, states = [], self._rule.standing(slug)
        for objective in self._objectives.of(slug):
            observe = observed_quantile if objective.metric == "latency" else observed_ratio
            observed = observe(samples, objective) if len(samples) else None
            n = len(exceedances(samples, objective))
            rows.append(row(objective.name, n, observed, objective.metric, states[objective.name]))
        return rows

    def _tls_of(self, mapping: MappedTarget | None) -> ssl.SSLContext | None:
        if mapping is None:
            return None
        target = self._parts.parse_target(mapping.table.value, mapping.source, Path())
        context: ssl.SSLContext | None = self._parts.tls_of(target)
        return context

    def _renewed(self, options: Any, host: str) -> Any:
        """Return the reference platform, as new for each test of one session; None if the host is another."""
        if self._reference is None or host != self._reference.url:
            return None
        if self._used:
            port = int(self._reference.url.rpartition(":")[2])
            self._reference.close()
            self._reference = self._parts.start_reference(selection(options), port, say)
        self._used = True
        return self._reference


def say(text: str) -> None:
    """Tell the user, beside locust's log."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
