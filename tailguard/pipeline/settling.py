"""After the last sample: what must hold of a scenario is checked, and what its parts counted is kept."""

import logging
from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

from tailguard.judge.recovery import recovery_invariants
from tailguard.record.doubt import Doubt
from tailguard.record.run import Run
from tailguard.record.samples import Samples
from tailguard.suite.invariants import SkippedError
from tailguard.suite.resolver import BoundScenario
from tailguard.trust.suite_doubts import doubts_of_subscribers, unchecked
from tailguard.websocket.subscribers import Subscribers

log = logging.getLogger(__name__)


@runtime_checkable
class Counting(Protocol):
    """A fixture's value that counts: the report shows its counters beside the scenario."""

    def counters(self) -> Mapping[str, int]:
        """Return the counters so far, by name."""
        ...


def settle(run: Run, scenario: BoundScenario, samples: Samples, within_s: float) -> Iterator[Doubt]:
    """Check a scenario's invariants in time, put them and its counters into the run; yield what was left out."""
    log.info("checking the invariants of %s", scenario.title)
    why = scenario.unchecked
    try:
        invariants = [] if why else scenario.check(samples, within_s)
    except SkippedError as skipped:
        invariants, why = list(skipped.found), str(skipped)
    if run.record.chaos is not None:
        invariants += recovery_invariants(run.record.chaos, scenario.name)
    run.put_invariants(scenario.name, invariants)
    counting = [each for each in scenario.shared if isinstance(each, Counting)]
    run.put_counters(scenario.name, {name: n for each in counting for name, n in each.counters().items()})
    yield from doubts_of_shared(scenario)
    if why:
        yield unchecked(scenario.name, why)


def doubts_of_shared(scenario: BoundScenario) -> Iterator[Doubt]:
    """Yield what the processes beside the generator may have done to what was measured."""
    for each in scenario.shared:
        if isinstance(each, Subscribers):
            yield from doubts_of_subscribers(scenario.name, each.failure, each.held_ns / 1e6)
