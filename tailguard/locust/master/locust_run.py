"""One Locust run, from its plan to its verdicts."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tailguard.config.merge import Config
from tailguard.engine.summary import scenario_entry
from tailguard.judge.decision import judge_looks
from tailguard.judge.evidence import cumulative
from tailguard.judge.exceedance import exceedances, is_met
from tailguard.judge.sequential import looks
from tailguard.judge.stopping_rule import StoppingRule
from tailguard.judge.verdicts import observed_of
from tailguard.locust.master.doubts import doubts_of, doubts_of_run_time
from tailguard.locust.master.live import nothing_yet, row
from tailguard.locust.master.master import Master
from tailguard.locust.master.measurement import broadcasts_of, measurement_of
from tailguard.locust.messages import Plan
from tailguard.pipeline.finish import finish
from tailguard.record.doubt import Doubt
from tailguard.record.locust import Locust
from tailguard.record.objective import Objectives
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.samples import Samples
from tailguard.record.scenario import ScenarioEnded
from tailguard.suite import run as suite_run

# A save writes all samples anew, and the master's loop waits for it: seldom enough not to delay anything.
SAVE_EVERY_S = 30.0


class Declared(Protocol):
    """A scenario as its run knows it."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def steps(self) -> Sequence[str]:
        """The names of its steps, none if they are found while it runs."""
        ...


@dataclass(slots=True)
class LocustRun:
    """A run that has begun, as tailguard.locust.hooks.RunHooks.

    Attributes:
        plan: what the workers do.
        noted: what was noted of it when its fixtures were made.
        skipped: why a scenario cannot be played.
        run_time_s: how long it is to measure, if that was given.
        until_decided: whether it ends once everything is decided.
        watched: whether somebody watches its progress.
        doubts: those that it has from the start.
        live: where each objective stands, ready to show.
    """

    run: Run
    plan: Plan
    config: Config
    scenarios: Mapping[str, Declared]
    objectives: Objectives
    noted: suite_run.Run
    skipped: Mapping[str, str]
    run_time_s: float | None
    until_decided: bool
    watched: bool
    doubts: tuple[Doubt, ...] = ()
    live: list[dict[str, str]] = field(init=False)
    _rule: StoppingRule = field(init=False)
    _save_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.live = nothing_yet([each.name for each in self.objectives.items])
        self._rule = StoppingRule(self.objectives)
        self._save_s = time.monotonic() + SAVE_EVERY_S

    @property
    def id(self) -> str:
        """The run's."""
        return self.run.record.id

    def look(self, master: Master) -> bool:
        """Ask the judge where each objective stands, if somebody wants to know; True if the run should end."""
        self._save(master)
        if not (self.until_decided or self.watched):
            return False
        decided, live = [], []
        for slug in self.plan.scenarios:
            samples = master.inbox.samples(slug, self.scenarios[slug].steps)
            closed = self._rule(slug, samples)
            decided.append(closed and fewest_ok(samples) >= self.config.load_of(slug).min_samples)
            live += self._standing(slug, samples)
        self.live = live
        return self.until_decided and all(decided)

    def finish(self, master: Master, faults: Sequence[str], ended: ScenarioEnded) -> int:
        """Save, judge and report what has come; returns the exit code."""
        for name, text in master.notes().items():
            self.noted.note(name, text)
        self._keep(master, ended)
        run, broadcasts = self.run, broadcasts_of(master)
        skipped = {**self.skipped, **master.skipped}
        run.put_doubts(
            [
                *doubts_of(run.record, run.samples(), master, self.noted, skipped, broadcasts),
                *doubts_of_run_time(self.run_time_s, master),
                *self.doubts,
            ]
        )
        run.put_locust(
            Locust(
                scenarios_sha256=self.plan.scenarios_sha256,
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
        return finish(run, self.config.suite)

    def refuse(self, because: str) -> None:
        """Mark the run's folder as that of a run which never began."""
        self.run.finish(Ended.BROKE_OFF, because)

    def _keep(self, master: Master, ended: ScenarioEnded) -> None:
        """Put into the run what has come of each scenario."""
        for slug in self.plan.scenarios:
            if slug in master.skipped:
                continue
            scenario, skipped = self.scenarios[slug], self.noted.skipped_steps(slug)
            steps = [step for step in scenario.steps if step not in skipped]
            measurement = measurement_of(slug, steps, master, ended)
            entry = scenario_entry(scenario.title, measurement, master.invariants.get(slug, ()))
            self.run.add_scenario(slug, entry, measurement.samples)

    def _save(self, master: Master) -> None:
        """Save what has come so far, now and then: a master that is killed loses no more than that."""
        if time.monotonic() >= self._save_s:
            self._keep(master, ScenarioEnded.RUNNING)
            self.run.save()
            self._save_s = time.monotonic() + SAVE_EVERY_S

    def _standing(self, slug: str, samples: Samples) -> list[dict[str, str]]:
        rows, states = [], self._rule.standing(slug)
        for objective in self.objectives.of(slug):
            if not is_met(samples, objective):  # its first request is still to come
                rows += nothing_yet([objective.name])
                continue
            stream, rule = exceedances(samples, objective), self.objectives.rules[slug]
            decision = judge_looks(looks(cumulative(stream), objective.p0, rule), rule, objective.p0)
            observed = observed_of(samples, objective, decision) if len(stream) else None
            rows.append(row(objective.name, len(stream), observed, objective.metric, states[objective.name]))
        return rows


def fewest_ok(samples: Samples) -> int:
    """Return how many ok samples the step has that has the fewest, of those that were met; 0 if none was."""
    met = [step for number, step in enumerate(samples.steps) if (samples.step == number).any()]
    return min((int(samples.ok(step).sum()) for step in met), default=0)
