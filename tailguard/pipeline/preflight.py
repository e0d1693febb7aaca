"""Preflight: each step once and then many times at once, before a load test asks it thousands of times."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tailguard.base.output.streams import say
from tailguard.config.merge import Config
from tailguard.engine.measure import measure
from tailguard.engine.schedule import Closed
from tailguard.engine.workload import Load, Measurement, Workload
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.preparation import prepared, rows_used_once
from tailguard.pipeline.target import served_target
from tailguard.record.environment import Placement
from tailguard.record.run import new_id
from tailguard.record.samples import CONFLICT, ERROR
from tailguard.suite.resolver import BoundScenario
from tailguard.trust.suite_doubts import THROTTLED

# What a profile says of a load is not meant here: one iteration of each scenario, by one user.
ONCE = {
    "load.schedule": "closed",
    "load.workers": 1,
    "load.warmup": 0,
    "load.min_samples": 1,
    "load.max_samples": 1,
}
AT_ONCE = 8
MOST_S = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: its state, and what was seen or is to be done."""

    name: str
    state: Literal["ok", "skip", "fail"]
    told: str


def show_checks(checks: Iterable[Check]) -> int:
    """Print each check once it is made, and return the exit code: 0, or 65 if one failed."""
    failed = False
    for check in checks:
        mark = {"ok": "ok     ", "skip": "skipped", "fail": "FAILED "}[check.state]
        say(f"{mark}  {check.name}: {check.told}")
        failed |= check.state == "fail"
    return 65 if failed else 0


def preflight(config: Config, burst: int) -> Iterator[Check]:
    """Yield each check of the scenarios that a configuration names, made with `ONCE`, then of `burst` more iterations.

    Raises TailguardError for what cannot be had at all: a server that does not start, a log-in that fails.
    """
    config, suite = open_suite(config)
    anywhere = Placement(generator=None, server=None, pinned=False)
    with (
        served_target(config, anywhere) as target,
        prepared(config, suite, new_id(), anywhere, target) as ready,
    ):
        for doubt in ready.doubts:
            yield Check(str(doubt.scenario), "skip", doubt.measured)
        measured = measure(ready.workloads, run_id=ready.run.id, seed=config.seed)
        for bound in ready.scenarios:
            yield from _steps(bound, measured[bound.name])
        for bound in ready.scenarios if burst else ():
            yield _burst(bound, burst, config.seed, ready.run.notes)


def _steps(bound: BoundScenario, measured: Measurement) -> Iterator[Check]:
    """Yield what became of each step in one iteration."""
    samples = measured.samples
    met = set(samples.step.tolist())
    for number, step in enumerate(samples.steps):
        name = f"{bound.name}: {step}"
        if number not in met:
            yield Check(name, "skip", "not taken: an earlier step failed, or it is not of every iteration")
            continue
        last = (samples.step == number).nonzero()[0][-1]
        kind = samples.errors[samples.error[last]]
        said = measured.said.get(kind, kind)
        if samples.outcome[last] == ERROR:
            yield Check(name, "fail", said)
        elif samples.outcome[last] == CONFLICT:
            yield Check(name, "ok", f"refused cleanly: {said}")
        else:
            yield Check(name, "ok", "answered as expected")


def _burst(bound: BoundScenario, count: int, seed: int, notes: dict[str, object]) -> Check:
    """Play more iterations, several at once: a limiter that answers now answers under load."""
    name = f"{bound.name}: {count} more, {AT_ONCE} at once"
    if rows_used_once(bound.plan):
        return Check(name, "skip", "each takes a row that may be used once")
    load = Load(Closed(AT_ONCE, MOST_S), max_samples=count, max_seconds=MOST_S)
    measured = measure([Workload(bound, load, 1)], seed=seed)[bound.name]
    failed = int((measured.samples.outcome == ERROR).sum())
    if THROTTLED in notes:
        return Check(name, "fail", f"{notes[THROTTLED]}")
    if failed:
        return Check(name, "fail", f"{failed} failed: {_first(measured)}")
    return Check(name, "ok", "none failed, none was throttled")


def _first(measured: Measurement) -> str:
    said: Sequence[str] = [*measured.said.values()]
    return said[0] if said else "without a word"
