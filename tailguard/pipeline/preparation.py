"""Everything that is done before the clock starts: loads, fixtures, the servers that those ask for."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.engine.workload import Load, Workload
from tailguard.faults.orders import ordered_faults
from tailguard.pipeline.built_ins import built_ins
from tailguard.pipeline.loads import load_of
from tailguard.pipeline.parts import Parts
from tailguard.postgres.copies.filling import OwnDatabase
from tailguard.record.doubt import Doubt
from tailguard.record.environment import Placement
from tailguard.suite.discovery import Suite, plans_of
from tailguard.suite.invariants import SkippedError
from tailguard.suite.lifetime import in_time
from tailguard.suite.plan import Plan
from tailguard.suite.resolver import BoundScenario, Resolver
from tailguard.suite.rows import REMEDY, Rows
from tailguard.suite.run import Run, Shard, Target
from tailguard.trust.suite_doubts import skipped_scenario, skipped_step

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run's scenarios on their fixtures, each with its load, in the same order.

    Attributes:
        run: what the fixtures know of the run, and noted.
        doubts: what is skipped.
    """

    run: Run
    parts: Parts
    scenarios: Sequence[BoundScenario]
    workloads: Sequence[Workload]
    doubts: Sequence[Doubt]


@dataclass(frozen=True, slots=True)
class Place:
    """A run's place among the blocks of a duet between servers, which keep what was done: nothing may come twice.

    Attributes:
        first: number of the duet's first iteration.
        before: how many blocks were before this one.
        blocks: how many there are at most; 0 if the run is not such a block.
    """

    first: int = 0
    before: int = 0
    blocks: int = 0

    def iterations(self, load: Load) -> int:
        """Return how many iterations all blocks have at most, with their warm-ups."""
        return self.blocks * (load.planned + load.warmup)

    def numbers(self, load: Load, *, from_start: bool = False) -> tuple[int, int]:
        """Return the numbers of the first iteration, and of the first of the warm-up: on from the blocks before."""
        first = 0 if from_start else self.first
        return first + self.before * load.planned, first + self.before * load.warmup

    def workload(self, scenario: BoundScenario, load: Load) -> Workload:
        """Return a scenario as it is driven in this run.

        Rows that are used once are counted from the first one; otherwise a duet begins anywhere, as the server may know
        an earlier one.
        """
        return Workload(scenario, load, *self.numbers(load, from_start=bool(rows_used_once(scenario.plan))))

    def check_rows(self, plan: Plan, load: Load) -> None:
        """Raise UsageError if the rows that are used once do not last for all blocks."""
        for rows in rows_used_once(plan):
            if len(rows.values) < self.iterations(load):
                one = load.planned + load.warmup
                raise UsageError(
                    f"{rows.few()}: {self.blocks} pairs of blocks of {plan.scenario.name} may take"
                    f" {self.iterations(load):,}: {REMEDY}, or give --pairs {len(rows.values) // one} or fewer"
                )


ALONE = Place()


def rows_used_once(plan: Plan) -> list[Rows]:
    """Return the rows of a scenario of which each iteration has its own."""
    return [each for each in plan.rows.values() if each.use == "once"]


def loads_of(config: Config, suite: Suite) -> dict[str, Load]:
    """Return the load of each scenario that a configuration names.

    Raises UsageError for an impossible one, or an unknown scenario.
    """
    names = [each.name for each in suite.choose(config.scenarios or suite.scenarios)]
    return {name: load_of(name, config.load_of(name), config.seed) for name in names}


@contextmanager
def prepared(
    config: Config,
    suite: Suite,
    run_id: str,
    placement: Placement,
    target: Target,
    place: Place = ALONE,
    own: OwnDatabase | None = None,
) -> Iterator[Prepared]:
    """Make the fixtures of the scenarios that a configuration names; they live as long as the `with`.

    `place` is the run's among the blocks of a duet, `own` its database there.

    Raises:
        UsageError: something in the suite or the configuration is wrong, a part cannot be had, or all is skipped.
    """
    loads = loads_of(config, suite)
    run = Run(
        run_id,
        config.seed,
        planned={name: load.planned for name, load in loads.items()},
        planned_in_all={name: place.iterations(load) for name, load in loads.items() if place.blocks},
        faults=tuple(order.kind for order in ordered_faults(config)),
        placement=placement,
    )
    with Parts(config, placement, own) as parts:
        plans = plans_of(config, suite, built_ins(config, run, target, Shard(), parts))
        for plan in plans:
            place.check_rows(plan, loads[plan.scenario.name])
        loads = {plan.scenario.name: within_rows(plan, loads[plan.scenario.name]) for plan in plans}
        with Resolver(seed=config.seed) as resolver:
            scenarios, doubts = _bound(plans, resolver, run, config.limits.prepare_s)
            at_once = suite.cases([config.mix]) if config.mix else []
            workloads = [
                replace(
                    place.workload(each, loads[each.name]), mix=config.mix if each.name in at_once else ""
                )
                for each in scenarios
            ]
            yield Prepared(run, parts, scenarios, workloads, doubts)


def within_rows(plan: Plan, load: Load) -> Load:
    """Return the load with no more iterations than there are rows to use once, those of the warm-up left out.

    Raises UsageError if not even the fewest samples, or the users, have a row each.
    """
    for each in plan.user_rows:
        if each.use == "once" and len(each.values) < load.users:
            raise UsageError(f"{each.few()} for {load.users} users of {plan.scenario.name}: {REMEDY}")
    once = rows_used_once(plan)
    if not once:
        return load
    fewest = min(once, key=lambda each: len(each.values))
    left = len(fewest.values) - load.warmup
    if left < load.min_samples:
        raise UsageError(
            f"{fewest.few()}: {plan.scenario.name} needs {load.warmup} for its warm-up and {load.min_samples} for its "
            f"fewest samples: {REMEDY}"
        )
    if left >= load.planned:
        return load
    log.warning(
        "%s: %s plays at most %d iterations of up to %d: %s",
        fewest.few(), plan.scenario.name, left, load.planned, REMEDY,
    )  # fmt: skip
    return replace(load, max_samples=left, rows_used_up=True)


def _bound(
    plans: Sequence[Plan], resolver: Resolver, run: Run, within_s: float
) -> tuple[list[BoundScenario], list[Doubt]]:
    """Return the scenarios that can be played, and what is skipped. Raises UsageError if nothing is left."""
    found: list[BoundScenario] = []
    doubts: list[Doubt] = []
    for plan in plans:
        scenario = plan.scenario
        log.info("preparing %s", scenario.title)
        try:
            with in_time(scenario.title, scenario.file, within_s):
                bound = resolver.bind(plan)
        except SkippedError as skipped:
            log.info("%s is skipped: %s", scenario.title, skipped)
            doubts.append(skipped_scenario(scenario.name, str(skipped)))
            continue
        steps = run.skipped_steps(scenario.name)
        for step, why in steps.items():
            log.info("%s: %s is skipped: %s", scenario.title, step, why)
            doubts.append(skipped_step(scenario.name, step, why))
        found.append(replace(bound, skipped=tuple(steps)))
    if not found:
        raise UsageError("Nothing is left to measure. " + "; ".join(each.measured for each in doubts))
    return found, doubts
