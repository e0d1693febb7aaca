"""One session of `tailguard run`: from the configuration to the verdicts, the report and the exit code."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.base.state import State
from tailguard.base.text_format import count, duration_ms, duration_s, limit_ms
from tailguard.config.merge import Config
from tailguard.engine.measure import Progress
from tailguard.engine.quantiles import estimate
from tailguard.judge.budget import SampleBudget, lint, needed_for
from tailguard.judge.objectives.configured import configured_objectives
from tailguard.judge.stopping_rule import StoppingRule
from tailguard.judge.suggest import suggest
from tailguard.pipeline.control.source import Orders
from tailguard.pipeline.environment import user_and_host
from tailguard.pipeline.finish import finish
from tailguard.pipeline.loads import most_per_s
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.progress import Progress as Lines
from tailguard.pipeline.suite_run import Watch, run_suite
from tailguard.record.objective import Objectives
from tailguard.record.run_record import RunRecord
from tailguard.record.scenario import ScenarioEnded

log = logging.getLogger(__name__)


def run_session(
    config: Config,
    command: Sequence[str],
    asked: Sequence[str] = (),
    orders: Orders | None = None,
    *,
    who: bool = False,
) -> int:
    """Measure, judge, report; returns the exit code of the verdicts. Raises `TailguardError` for all else.

    `asked` are limits beside those that the suite states. A run with `orders` is not ended when its limits are decided.
    With `who` the record names the user and the host.
    """
    # What is misspelt is named before anything starts.
    config, suite = open_suite(config)
    suite.choose(config.scenarios or suite.scenarios)
    objectives = configured_objectives(config, suite.steps, suite.limits, asked)
    warn_undecidable(config, objectives)
    say_needed(config, objectives)
    with watching(objectives, orders) as watch:
        run = run_suite(config, watch, objectives=objectives, command=command)
    if who:
        run.put_environment(replace(run.record.environment, who=user_and_host()))
    code = finish(run, config.suite)
    propose(run.record, objectives.unasked)
    return code


@contextmanager
def watching(objectives: Objectives, orders: Orders | None) -> Iterator[Watch]:
    """Show a line for each scenario, and end it when its limits are decided, unless its load may change."""
    rule = StoppingRule(objectives)
    with Lines() as lines:
        yield Watch(None if orders else rule, LiveLine(lines, objectives, rule), orders)


def say_needed(config: Config, objectives: Objectives) -> None:
    """Say how many samples the limits of each scenario need at least, and the seconds that those take."""
    for name, rule in objectives.rules.items():
        needed = max((needed_for(item, rule) for item in objectives.of(name)), default=0)
        load = config.load_of(name)
        rate_per_s = most_per_s(load)
        takes = "" if rate_per_s is None else f", {duration_s(needed / rate_per_s)} at {rate_per_s:g}/s"
        log.info(
            "%s: its limits need %s samples%s; it has %s at most",
            name, count(needed), takes, duration_s(load.max_seconds),
        )  # fmt: skip


def propose(record: RunRecord, unasked: Sequence[str]) -> None:
    """Print limits for the scenarios that have none, twice what was measured."""
    for each in suggest([record]) if unasked and record.scenarios else ():
        if each.scenario in unasked and each.limit_ms is not None:
            say(f"Propose for {each.scenario}: {each.step} {each.quantile} <= {limit_ms(each.limit_ms)}")


def warn_undecidable(config: Config, objectives: Objectives) -> None:
    """Say which objectives the budget cannot decide, before anything is measured; with `strict` that is an error."""
    plans = {
        name: SampleBudget(rate_per_s, load.max_samples, load.max_seconds)
        for name in objectives.rules
        if (rate_per_s := most_per_s(load := config.load_of(name))) is not None
    }
    found = [str(each) for each in lint(objectives, plans)]
    if found and config.strict:
        raise UsageError("This budget cannot decide:\n  " + "\n  ".join(found))
    for text in found:
        say(f"Warning: {text}", err=True)


SHOWN = 0.95  # the quantile of the live line: the one that every scenario has a limit for


@dataclass(slots=True)
class LiveLine:
    """The line of a scenario while it is measured: samples, the p95 so far, where its verdicts stand, time left."""

    lines: Lines
    objectives: Objectives
    rule: StoppingRule
    _started_s: float = field(default_factory=time.monotonic)

    def __call__(self, progress: Progress) -> None:
        """Show how far a scenario is."""
        ended = progress.ended_because is not ScenarioEnded.RUNNING
        text = " · ".join(
            [f"{progress.slug:<20} n={count(len(progress.samples)):<7}", *self._parts(progress)]
        )
        left = progress.ended_because if ended else f"{duration_s(progress.left_s)} left"
        self.lines.update(progress.slug, f"{text} · {left}", time.monotonic() - self._started_s, last=ended)

    def _parts(self, progress: Progress) -> list[str]:
        step = progress.samples.steps[0]
        times_ms = progress.samples.response_ms(step)
        limits = [
            item.limit_ms
            for item in self.objectives.of(progress.slug)
            if (item.step, item.q) == (step, SHOWN)
        ]
        states = self.rule.standing(progress.slug).values()
        open_ = sum(state is State.INCONCLUSIVE for state in states)
        standing = f"{open_} of {len(states)} open" if open_ else "decided: " + ", ".join(sorted(set(states)))
        return [
            f"p95={duration_ms(estimate(times_ms, SHOWN).value)}"
            + "".join(f", limit {limit:g}" for limit in limits),
            standing,
        ]
