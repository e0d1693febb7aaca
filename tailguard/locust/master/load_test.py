"""`locust -f scenarios`: target, plan, judge, report and exit code of a Locust run.

Locust itself is met in tailguard/locust/bridge.py only.
"""

import ssl
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tailguard.base.clock import Clock
from tailguard.base.errors import InterruptedRunError, UsageError
from tailguard.config.suite_table import find_file, require_suite, suite_in
from tailguard.engine.summary import scenario_entry
from tailguard.judge.exceedance import exceedances, observed_quantile, observed_ratio
from tailguard.judge.objectives import configured_objectives
from tailguard.judge.stopping_rule import UntilDecided
from tailguard.judge.verdicts import exit_code, judging
from tailguard.locust.bridge import fast_wire
from tailguard.locust.master.live import COLUMNS, nothing_yet, row
from tailguard.locust.master.master import Master
from tailguard.locust.master.measurement import broadcasts_of, doubts_of, measurement_of
from tailguard.locust.master.plan import configure, model, settings_for_workers, target_of
from tailguard.locust.master.tab import add_tab
from tailguard.locust.options import add_options, selection
from tailguard.locust.suite_hash import scenarios_sha256
from tailguard.locust.worker.scenario_executor import Tell
from tailguard.locust.worker.worker import Message
from tailguard.locust.worker.workplace import HttpWorkplace
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.suite_run import INTERRUPTED
from tailguard.record.run import Run
from tailguard.record.samples import Samples
from tailguard.report.report import run_view, write_report
from tailguard.report.text.terminal import print_summary
from tailguard.suite.parts import parts_of
from tailguard.suite.registry import known_steps, load_scenarios

if TYPE_CHECKING:
    from tailguard.engine.scenario import Scenario

# Negative turns of warm-up, one after the other on every worker and scenario: enough for connections and caches.
MOST_WARMUP = 20
# A save writes all samples anew, and the master's loop waits for it: seldom enough not to be felt.
SAVE_EVERY_S = 30.0
# On a target that was used before, turns begin anywhere in so many: what was done there once is not done twice.
MOST_FIRST_TURN = 4_000_000


class LoadTest:
    """A suite's scenarios at its target, as tailguard.locust.bridge.Stage."""

    def __init__(self) -> None:
        self._reference: Any = None
        self._parts = parts_of(suite_in(find_file()))
        self._tls: ssl.SSLContext | None = None
        self._used = False
        self._target: Any = None
        self._skipped: dict[str, str] = {}
        self._watched = False
        self._live: list[dict[str, str]] = []
        self._scenarios: list[Scenario] = []

    def open_workplace(self, plan: Message, clock: Clock, tell: Tell) -> HttpWorkplace:
        """Open a worker's workplace."""
        self._tls = (
            self._parts.tls_of(
                self._parts.parse_target(plan["target"]["table"], plan["target"]["source"], Path())
            )
            if plan["target"]
            else None
        )
        return HttpWorkplace(plan, clock, tell, fast_wire())

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
        """Return the scenarios that the target can be asked for, and say aloud which are left out."""
        self._skipped = self._target.skipped(slugs) if self._target else {}
        for slug, reason in self._skipped.items():
            say(f"SKIPPED, and so neither passed nor failed: {slug}: {reason}")
        return [slug for slug in slugs if slug not in self._skipped]

    def begin(self, options: Any, host: str, slugs: Sequence[str], users: int) -> tuple[str, Message]:
        """Make the run's folder and the plan for the workers."""
        self._config = config = configure(options, slugs)
        self._scenarios = load_scenarios(config)
        self._objectives = configured_objectives(config, known_steps(config.suite))
        self._until = UntilDecided(self._objectives)
        self._until_decided = bool(options.tailguard_until_decided)
        self._live = nothing_yet([each.name for each in self._objectives.items])
        reference = self._renewed(options, host)
        facts = {} if reference is None else reference.facts
        self._run = run = Run.start(
            config,
            command=[Path(sys.argv[0]).name, *sys.argv[1:]],
            environment=facts.get("environment") or describe_environment(),
            faults=facts.get("faults", ()),
        )
        run.record["platform"] |= {"adapter": "http, by locust", "host": host}
        run.save()
        self._host, self._save_s = host, time.monotonic() + SAVE_EVERY_S
        if self._target is not None:
            self._renew_s = self._next_renewal_s(self._target)
        plan = {
            "sha256": scenarios_sha256(require_suite(config.suite)),
            "host": host,
            "secret": "" if self._target else self._parts.secret_of(reference),
            "target": self._target and self._parts.packed(self._target, host),
            "first_turn": 0 if reference else int(run.record["id"], 16) % MOST_FIRST_TURN,
            "conninfo": reference.conninfo if reference else "",
            "profile": config.profile,
            "settings": settings_for_workers(config),
            "slugs": list(slugs),
            "warmup": min(config.get("load.warmup"), MOST_WARMUP),
            "keep_raw": options.tailguard_keep_raw,
            **model(options, config, slugs),
        }
        self._plan = plan
        return run.record["id"], plan

    def renewal(self) -> Message | None:
        """Log everybody in again where the target's tokens are about to expire."""
        if self._target is None or not self._target.login or time.monotonic() < self._renew_s:
            return None
        self._renew_s = self._next_renewal_s(self._target)
        return {"credentials": self._parts.log_in(self._target, self._host)}

    def look(self, master: Master) -> bool:
        """Ask the judge where each objective stands, where somebody wants to know."""
        self._keep(master)
        if not (self._until_decided or self._watched):
            return False
        decided, live = [], []
        for scenario in self._scenarios:
            samples = master.inbox.samples(scenario.slug, scenario.steps)
            enough = min((int(samples.ok(step).sum()) for step in scenario.steps), default=0)
            closed = self._until(scenario.slug, samples)
            decided.append(closed and enough >= self._config.scenario(scenario.slug)["min_samples"])
            live += self._standing(scenario.slug, samples)
        self._live = live
        return self._until_decided and all(decided)

    def _keep(self, master: Master) -> None:
        """Save what has come so far, now and then: a master that is killed loses no more than that."""
        if time.monotonic() < self._save_s:
            return
        for scenario in self._scenarios:
            measurement = measurement_of(scenario, master, self._plan, "")
            self._run.add_scenario(
                scenario.slug, scenario_entry(scenario.title, measurement), measurement.samples
            )
        self._run.save()
        self._save_s = time.monotonic() + SAVE_EVERY_S

    def _next_renewal_s(self, target: Any) -> float:
        return time.monotonic() + float(target.login.get(self._parts.RENEW, self._parts.RENEW_AFTER_S))

    def _standing(self, slug: str, samples: Samples) -> list[dict[str, str]]:
        rows, states = [], self._until.standing(slug)
        for objective in self._objectives.of(slug):
            observed = None
            if len(samples):
                observed = (observed_quantile if objective.q else observed_ratio)(samples, objective)
            unit = "ms" if objective.kind == "latency" else "ratio"
            n = len(exceedances(samples, objective))
            rows.append(row(objective.name, n, observed, unit, states[objective.name]))
        return rows

    def finish(self, master: Master, faults: Sequence[str], because: str | None, *, decided: bool) -> int:
        """Save, judge and report what has come."""
        run, measured = self._run, {}
        ended_because = "interrupted" if because else "decided" if decided else "run time"
        for scenario in self._scenarios:
            measurement = measurement_of(scenario, master, self._plan, ended_because)
            measured[scenario.slug] = measurement
            entry = scenario_entry(scenario.title, measurement)
            entry["invariants"] = master.invariants.get(scenario.slug, [])
            run.add_scenario(scenario.slug, entry, measurement.samples)
        run.record["doubts"] = [
            each.as_dict() for each in doubts_of(measured, master, self._skipped, self._host)
        ]
        run.record["locust"] = {
            "scenarios_sha256": self._plan["sha256"],
            "workers": dict(master.workers),
            "joined_late": list(master.late),
            "faults": list(faults),
            "broadcasts": broadcasts_of(master),
            "load": {worker: dict(told["load"]) for worker, told in master.inbox.ledgers().items()},
        }
        run.finish(because or "; ".join(faults) or None)
        run.record["verdicts"] = judging(self._objectives)(run)
        return self._report(run)

    def refuse(self, because: str, exit_code: int) -> None:
        """Mark the run's folder as that of a run which never began."""
        self._run.finish(because)
        self._run.record["exit_code"] = exit_code
        self._run.save()

    def attach(self, web_ui: Any) -> None:
        """Add the tab "SLO" to locust's web page."""
        self._watched = True
        add_tab(web_ui, "SLO", COLUMNS, lambda: self._live)

    def close(self) -> None:
        """End the reference platform."""
        reference, self._reference = self._reference, None
        if reference is not None:
            reference.close()

    def _report(self, run: Run) -> int:
        record = run.record
        invariants = [each for entry in record["scenarios"].values() for each in entry["invariants"]]
        code = exit_code(record["verdicts"], invariants, complete=run.complete)
        interrupted = record["incomplete_because"] == INTERRUPTED
        record["exit_code"] = InterruptedRunError.exit_code if interrupted else code
        run.save()
        page = write_report(run)
        print_summary(run_view(run), Console(highlight=False))
        say(f"\nReport: {page}")
        return int(record["exit_code"])

    def _renewed(self, options: Any, host: str) -> Any:
        """Return the reference platform, as new for each test of one session; None where the host is another."""
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
